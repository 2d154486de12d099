// swift-tools-version: 6.2

import PackageDescription

/// Every target is held to these: Swift 6 concurrency checking, no warning let through, and `any`,
/// `import` and member visibility spelled out.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Targets that must not touch C also have the compiler prove that no unsafe pointer reaches them.
let pure: [SwiftSetting] = strict + [.strictMemorySafety()]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(
  name: "Configuration", package: "swift-configuration")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "runner-token-service",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CFastCGI", pkgConfig: "fcgi", providers: [.apt(["libfcgi-dev"])]),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(
      name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),

    .target(name: "StrictJSON", swiftSettings: strict),
    .target(name: "Concurrency", swiftSettings: pure),
    .target(name: "Systemd", swiftSettings: strict),
    .target(name: "Runners", dependencies: ["Patterns"], swiftSettings: pure),
    .target(name: "Patterns", dependencies: ["CPCRE2"], swiftSettings: strict),
    .target(name: "JOSE", dependencies: ["COpenSSL", "StrictJSON"], swiftSettings: strict),
    .target(name: "HTTPClient", dependencies: ["CCurl", "Concurrency"], swiftSettings: strict),
    .target(
      name: "OIDC", dependencies: ["Concurrency", "HTTPClient", "JOSE", "Patterns", "StrictJSON"],
      swiftSettings: pure),
    .target(
      name: "GitHub", dependencies: ["Concurrency", "HTTPClient", "JOSE"], swiftSettings: pure),
    .target(
      name: "Migrations", path: "migrations",
      resources: [
        .embedInCode("0001_runners_and_audit_log.sql"), .embedInCode("0002_used_tokens.sql"),
        .embedInCode("0003_label_policies.sql"), .embedInCode("0004_github_state.sql"),
        .embedInCode("0005_audit_chain.sql"), .embedInCode("0006_runner_lists.sql"),
      ], swiftSettings: strict),
    .target(
      name: "Storage",
      dependencies: [
        "CSQLite", "Concurrency", "JOSE", "Migrations", "Runners", "StrictJSON", grdb,
      ],
      swiftSettings: strict),
    .target(
      name: "Maintenance",
      dependencies: ["Concurrency", "GitHub", "Runners", "Storage", logging], swiftSettings: pure),
    .target(
      name: "FastCGI", dependencies: ["CFastCGI", "CLinux", "Concurrency"], swiftSettings: strict),
    // docs/openapi.yaml, by a link: a resource has to be in its target's folder.
    .target(
      name: "APIDocument", dependencies: [yams], resources: [.embedInCode("openapi.yaml")],
      swiftSettings: pure),
    .target(
      name: "TokenService",
      dependencies: [
        "APIDocument", "Concurrency", "FastCGI", "GitHub", "HTTPClient", "JOSE", "OIDC", "Patterns",
        "Runners",
        "Storage", "StrictJSON", configuration, logging,
      ],
      swiftSettings: pure),
    .executableTarget(
      name: "runner-token-service",
      dependencies: [
        "Concurrency", "FastCGI", "GitHub", "HTTPClient", "Maintenance", "OIDC", "Patterns",
        "Runners", "Storage", "Systemd", "TokenService", argumentParser, configuration, logging,
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "github-simulator",
      dependencies: ["Concurrency", "FastCGI", "JOSE", "StrictJSON", argumentParser],
      swiftSettings: strict),

    .systemLibrary(name: "CTestSupport", path: "Tests/CTestSupport"),
    .target(
      name: "TestSupport",
      dependencies: ["COpenSSL", "CTestSupport", "Concurrency", "HTTPClient", "JOSE"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .executableTarget(
      name: "token-verdicts", dependencies: ["HTTPClient", "JOSE", "OIDC"],
      path: "Tests/TokenVerdicts", swiftSettings: strict),
    .executableTarget(
      name: "audit-writer", dependencies: ["Runners", "Storage"], path: "Tests/AuditWriter",
      swiftSettings: strict),
    .executableTarget(
      name: "benchmark-parts",
      dependencies: ["JOSE", "OIDC", "Patterns", "Runners", "Storage", "TestSupport", grdb],
      path: "Tests/BenchmarkParts", swiftSettings: strict),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    .testTarget(
      name: "HTTPClientTests", dependencies: ["HTTPClient", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "GitHubTests",
      dependencies: [
        "Concurrency", "GitHub", "HTTPClient", "JOSE", "SharedData", "StrictJSON", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "RunnersTests", dependencies: ["Patterns", "Runners"], swiftSettings: strict),
    .testTarget(name: "PatternsTests", dependencies: ["Patterns"], swiftSettings: strict),
    .testTarget(
      name: "OIDCTests",
      dependencies: [
        "Concurrency", "HTTPClient", "JOSE", "OIDC", "Patterns", "StrictJSON", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "StorageTests",
      dependencies: ["CSQLite", "Migrations", "Runners", "Storage", "TestSupport", grdb],
      exclude: ["Schemas"],
      swiftSettings: strict),
    .testTarget(
      name: "TokenServiceTests",
      dependencies: [
        "APIDocument", "Concurrency", "FastCGI", "GitHub", "HTTPClient", "JOSE", "Maintenance",
        "OIDC", "Runners", "SharedData", "Storage", "StrictJSON", "TestSupport", "TokenService",
        "github-simulator",
        configuration, grdb, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Concurrency", "FastCGI", "Runners", "Storage", "StrictJSON", "Systemd", "TestSupport",
        "audit-writer", "github-simulator", "runner-token-service", grdb,
      ],
      swiftSettings: strict),
    .target(name: "SharedData", path: "Tests/SharedData", swiftSettings: strict),
    .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON"], swiftSettings: strict),
    .testTarget(
      name: "SystemdTests", dependencies: ["Concurrency", "Systemd", "TestSupport"],
      swiftSettings: strict),
    .testTarget(name: "ConcurrencyTests", dependencies: ["Concurrency"], swiftSettings: strict),
    .testTarget(
      name: "JOSETests",
      dependencies: ["COpenSSL", "JOSE", "SharedData", "StrictJSON", "TestSupport"],
      exclude: ["Vectors"], swiftSettings: strict),
    .testTarget(
      name: "GitHubSimulatorTests",
      dependencies: [
        "Concurrency", "FastCGI", "JOSE", "StrictJSON", "github-simulator", argumentParser,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "FastCGITests", dependencies: ["Concurrency", "FastCGI"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
