// swift-tools-version: 6.2

import PackageDescription

/// The targets under fuzzing are those of the service, by symbolic links, so that they too are built with coverage and
/// that nothing else of the service has to be. Both sanitizers stand in one option because the compiler heeds only the
/// last; `swift build --sanitize` would come before and do nothing.
let instrumented: [SwiftSetting] = [
  .unsafeFlags(["-sanitize=address,fuzzer"]),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "fuzzing",
  platforms: [.macOS(.v15)],
  targets: [
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8"),
    .systemLibrary(name: "CLibFuzzer"),
    .target(name: "StrictJSON", swiftSettings: instrumented),
    .target(name: "Concurrency", swiftSettings: instrumented),
    .target(name: "Patterns", dependencies: ["CPCRE2"], swiftSettings: instrumented),
    .target(name: "JOSE", dependencies: ["COpenSSL", "StrictJSON"], swiftSettings: instrumented),
    .target(
      name: "HTTPClient", dependencies: ["CCurl", "Concurrency"], swiftSettings: instrumented),
    .target(
      name: "OIDC", dependencies: ["Concurrency", "HTTPClient", "JOSE", "Patterns", "StrictJSON"],
      swiftSettings: instrumented),
    .executableTarget(
      name: "fuzz", dependencies: ["CLibFuzzer", "HTTPClient", "JOSE", "OIDC", "StrictJSON"],
      swiftSettings: instrumented,
      // libFuzzer's runtime has a `main` of its own. SwiftPM gives the linker ours as `--defsym main=...`, which goes
      // before it with lld; gold fails.
      linkerSettings: [.unsafeFlags(["-sanitize=address,fuzzer", "-use-ld=lld"])]),
  ],
  swiftLanguageModes: [.v6]
)
