import GRDB

/// Statements that are compiled once for each connection, and not each time: of what a request costs here, compiling was a
/// seventh.
extension GRDB.Database {
  /// Runs one statement that returns nothing.
  func run(sql: String, arguments: StatementArguments = []) throws {
    try cachedStatement(sql: sql).execute(arguments: arguments)
  }

  /// Every row, each as `element` makes it. A row is only good until the next one.
  func rows<Element>(
    sql: String, arguments: StatementArguments = [], _ element: (Row) throws -> Element
  ) throws -> [Element] {
    var elements: [Element] = []
    let rows = try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
    while let row = try rows.next() { elements.append(try element(row)) }
    return elements
  }

  /// The first row, or nil if there is none.
  func row(sql: String, arguments: StatementArguments = []) throws -> Row? {
    try Row.fetchOne(cachedStatement(sql: sql), arguments: arguments)
  }

  /// The first column of the first row; nil if there is none, or it is NULL.
  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ type: Value.Type, sql: String, arguments: StatementArguments = []
  ) throws -> Value? {
    try Value.fetchOne(cachedStatement(sql: sql), arguments: arguments)
  }
}
