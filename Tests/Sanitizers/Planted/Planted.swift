import Glibc

/// A number that two threads count up: a race, unless they take turns.
public final class Count: @unchecked Sendable {
  private var value = 0
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let takesTurns: Bool

  public init(takesTurns: Bool) {
    self.takesTurns = takesTurns
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// What the threads have counted together.
  public func counted() -> Int {
    var threads = [pthread_t(), pthread_t()]
    for index in threads.indices {
      pthread_create(
        &threads[index], nil,
        { count in
          count.map { Unmanaged<Count>.fromOpaque($0).takeUnretainedValue().countUp() }
          return nil
        }, Unmanaged.passUnretained(self).toOpaque())
    }
    for thread in threads { pthread_join(thread, nil) }
    return value
  }

  private func countUp() {
    for _ in 0..<1000 {
      if takesTurns { pthread_mutex_lock(lock) }
      value += 1
      if takesTurns { pthread_mutex_unlock(lock) }
    }
  }
}

/// A byte of memory, read before or after it was given back.
public func byte(afterItsEnd: Bool) -> UInt8 {
  let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)
  memory.initialize(repeating: 7, count: 16)
  defer { if !afterItsEnd { memory.deallocate() } }
  if afterItsEnd { memory.deallocate() }
  return memory[3]
}

/// Loses some memory.
public func leak() {
  for _ in 0..<100 {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 4096)
    memory.initialize(repeating: 1, count: 4096)
  }
}
