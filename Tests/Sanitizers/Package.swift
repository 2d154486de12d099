// swift-tools-version: 6.2

import PackageDescription

// Faults on purpose. scripts/check-races and scripts/fuzz-service show by them that a sanitizer would have spoken.
let package = Package(
  name: "sanitizers",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "planted-fault", targets: ["planted-fault"])],
  targets: [
    .target(name: "Planted", path: "Planted"),
    .executableTarget(name: "planted-fault", dependencies: ["Planted"], path: "planted-fault"),
    .testTarget(name: "PlantedTests", dependencies: ["Planted"], path: "PlantedTests"),
  ],
  swiftLanguageModes: [.v6]
)
