// swift-tools-version: 6.2
import PackageDescription

// One set of rules for every Swift target: Swift 6 language mode, warnings are errors.
let swiftRules: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
    .treatWarning("DeprecatedDeclaration", as: .warning),
]

let cRules: [CSetting] = [
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("conversion"),
    .treatAllWarnings(as: .error),
]

let cxxRules: [CXXSetting] = [
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("conversion"),
    .treatAllWarnings(as: .error),
]

// The floors, from the ground up; each imports only floors below it (docs/architecture.md).
let package = Package(
    name: "profile-gateway",
    products: [
        .executable(name: "profile-gateway", targets: ["profile-gateway"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // ground: our C contracts over the Debian libraries
        .target(name: "CHTTPServer", cSettings: cRules, linkerSettings: [.linkedLibrary("microhttpd")]),
        .target(name: "CSQLite", cSettings: cRules, linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(name: "CCurl", cSettings: cRules, linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CRE2", cxxSettings: cxxRules, linkerSettings: [.linkedLibrary("re2")]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // 1st floor: bytes become values
        .target(name: "HTTPServer", dependencies: ["CHTTPServer"], swiftSettings: swiftRules),
        .target(name: "SQLite", dependencies: ["CSQLite"], swiftSettings: swiftRules),
        .target(name: "HTTPClient", dependencies: ["CCurl"], swiftSettings: swiftRules),
        .target(
            name: "JSON",
            dependencies: [.product(name: "OrderedCollections", package: "swift-collections")],
            swiftSettings: swiftRules, linkerSettings: [.linkedLibrary("m")]),
        .target(name: "Patterns", dependencies: ["CRE2"], swiftSettings: swiftRules),

        // 2nd floor: the domain
        .target(name: "Profiles", dependencies: ["JSON", "CCrypto"], swiftSettings: swiftRules),

        // 3rd floor: three wings
        .target(
            name: "Tenants",
            dependencies: ["Profiles", "JSON", "SQLite", "CCrypto"],
            swiftSettings: swiftRules),
        .target(name: "Upstreams", dependencies: ["Profiles", "JSON", "HTTPClient"], swiftSettings: swiftRules),
        .target(
            name: "Bundles",
            dependencies: ["JSON", "Profiles", .product(name: "Yams", package: "Yams")],
            swiftSettings: swiftRules),
        .target(name: "Middlewares", dependencies: ["JSON", "Profiles", "Patterns"], swiftSettings: swiftRules),

        // 4th floor: the composition
        .target(
            name: "Gateway",
            dependencies: [
                "Bundles", "HTTPServer", "JSON", "Middlewares", "Profiles", "SQLite", "Tenants", "Upstreams",
                "HTTPClient",
                "CCrypto",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swiftRules),

        // roof
        .executableTarget(
            name: "profile-gateway",
            dependencies: [
                "Bundles", "Gateway", "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftRules,
            // Packed relocations: 2 MB less that every process reads and keeps. Debian's default linker has none.
            linkerSettings: [
                .unsafeFlags(
                    ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"],
                    .when(configuration: .release))
            ]),

        // measured by `make bench`
        .executableTarget(
            name: "resolution-benchmark", dependencies: ["Gateway", "JSON", "Middlewares", "Profiles", "Tenants"],
            path: "Benchmarks/Resolution", swiftSettings: swiftRules),

        // tests mirror the sources
        .target(
            name: "CStorageFaults", path: "Tests/CStorageFaults", cSettings: cRules,
            linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "GatewayTestSupport", dependencies: ["CStorageFaults"], path: "Tests/GatewayTestSupport",
            swiftSettings: swiftRules),
        .testTarget(
            name: "HTTPServerTests", dependencies: ["HTTPServer", "CHTTPServer", "GatewayTestSupport"],
            swiftSettings: swiftRules),
        .testTarget(
            name: "SQLiteTests", dependencies: ["SQLite", "CSQLite", "GatewayTestSupport"], swiftSettings: swiftRules),
        .testTarget(
            name: "HTTPClientTests", dependencies: ["HTTPClient", "GatewayTestSupport"], swiftSettings: swiftRules),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "GatewayTestSupport"], swiftSettings: swiftRules),
        .testTarget(name: "PatternsTests", dependencies: ["Patterns"], swiftSettings: swiftRules),
        .testTarget(
            name: "MiddlewaresTests",
            dependencies: ["Middlewares", "JSON", "Profiles", "Patterns", "GatewayTestSupport"],
            swiftSettings: swiftRules),
        .testTarget(
            name: "ProfilesTests", dependencies: ["Profiles", "JSON", "GatewayTestSupport"], swiftSettings: swiftRules),
        .testTarget(
            name: "BundlesTests", dependencies: ["Bundles", "Profiles", "JSON", "GatewayTestSupport"],
            swiftSettings: swiftRules),
        .testTarget(
            name: "TenantsTests", dependencies: ["Tenants", "Profiles", "JSON", "SQLite", "GatewayTestSupport"],
            swiftSettings: swiftRules),
        .testTarget(
            name: "UpstreamsTests",
            dependencies: ["Upstreams", "HTTPClient", "JSON", "Profiles", "GatewayTestSupport"],
            swiftSettings: swiftRules),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "HTTPClient", "HTTPServer", "JSON", "Profiles", "SQLite", "Tenants", "Upstreams",
                "GatewayTestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftRules),
    ],
    swiftLanguageModes: [.v6]
)
