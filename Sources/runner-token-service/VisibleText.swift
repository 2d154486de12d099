import Runners

extension String {
  /// What strangers wrote, with escapes for what a terminal or a reader would act on.
  var visible: String {
    if utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
    var visible = ""
    for scalar in unicodeScalars {
      visible += scalar.value < 0x20 ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return visible.escapingInvisibleInJSON()
  }
}
