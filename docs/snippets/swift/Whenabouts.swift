// A small client of the Whenabouts API for iOS: one device, its person's consents, places and answers.
// It needs nothing but Foundation (iOS 15 and later). JSON names are the Swift names in snake_case.
import Foundation

/// The service said no. `code` is stable (see /docs/errors of your service); `status` 0 means that nobody answered.
struct WhenaboutsError: Error {
    let status: Int
    let code: String
    let detail: String
    var retryAfterS: Int?

    /// True where the same request may succeed later; false where it never will.
    var isTemporary: Bool { status == 0 || status == 429 || status >= 500 }
}

/// Where the device's credential outlives the process: the keychain.
protocol Vault: AnyObject, Sendable {
    var credential: String? { get set }
}

actor Whenabouts {
    private let url: String
    private let appKey: String
    private let vault: Vault
    private let session: URLSession

    init(url: String, appKey: String, vault: Vault, session: URLSession = .shared) {
        self.url = url
        self.appKey = appKey
        self.vault = vault
        self.session = session
    }

    var isRegistered: Bool { vault.credential != nil }

    // POST /v1/devices
    struct NewDevice: Encodable {
        let platform = "ios"
        let target: Target
        var locale: String?
        var timeZone: String?
        var appVersion: String?
        var customerToken: String?
    }

    /// `kind` is `token` for an FCM registration token and `fid` for a Firebase installation id.
    struct Target: Encodable {
        let kind: String
        let value: String
    }

    private struct RegisteredDevice: Decodable {
        let credential: String
    }

    /// Registers this install. The credential is shown once; it speaks for this device and nobody else from now on.
    func register(_ device: NewDevice) async throws {
        let answer = try await call("POST", "/v1/devices", device)
        vault.credential = try read(RegisteredDevice.self, answer).credential
    }

    // PATCH /v1/devices/me
    struct DeviceChange: Encodable {
        var target: Target?
        var timeZone: String?
        var pushPermission: String?
        var customerToken: String?
    }

    /// Tells what changed: a new FCM target, the phone's push permission, or who has just signed in.
    func change(_ device: DeviceChange) async throws {
        try await call("PATCH", "/v1/devices/me", device)
    }

    // DELETE /v1/devices/me
    /// Signs out: the credential ends and no push comes to this phone any more.
    func signOut() async throws {
        try await call("DELETE", "/v1/devices/me")
        vault.credential = nil
    }

    // POST /v1/consents
    struct Consent: Encodable {
        let purpose: String
        let granted: Bool
        let wording: String
        let wordingVersion: String
        let locale: String
        let source: String
        let occurredAt: Date
    }

    private struct Consents: Encodable {
        let entries: [Consent]
    }

    /// Records what the person said, with exactly the words they read. A withdrawal has acted when this returns.
    func consent(_ entries: [Consent]) async throws {
        try await call("POST", "/v1/consents", Consents(entries: entries))
    }

    // GET /v1/consents
    private struct Ledger: Decodable {
        let current: [String: Standing]
    }

    private struct Standing: Decodable {
        let granted: Bool
    }

    /// The purposes that are granted now: `push`, `location`, `background_location`, `habits`, `purchases`.
    func granted() async throws -> Set<String> {
        let ledger = try read(Ledger.self, try await call("GET", "/v1/consents"))
        return Set(ledger.current.filter { $0.value.granted }.keys)
    }

    // POST /v1/locations
    struct Fix: Codable, Sendable {
        let eventId: String
        let latitude: Double
        let longitude: Double
        let accuracyM: Double
        let occurredAt: Date
        let background: Bool
        let isMock: Bool
    }

    private struct Fixes: Encodable {
        let fixes: [Fix]
    }

    /// Sends 1 to 100 fixes. When this returns they are committed; one that is sent again changes nothing.
    func locate(_ fixes: [Fix]) async throws {
        try await call("POST", "/v1/locations", Fixes(fixes: fixes))
    }

    // POST /v1/events
    private struct Event: Encodable {
        let eventId: String
        let type: String
        let occurredAt: Date
        let decisionId: String
    }

    private struct Events: Encodable {
        let events: [Event]
    }

    /// Says what became of a push: `delivered`, `opened`, `dismissed`, `redeemed` or `not_for_me`.
    func answer(_ type: String, decisionId: String) async throws {
        let event = Event(eventId: uuidV7(), type: type, occurredAt: Date(), decisionId: decisionId)
        try await call("POST", "/v1/events", Events(events: [event]))
    }

    // GET /v1/geofences/nearby
    struct Nearby: Decodable {
        let data: [Fence]
        let validWithinM: Double
    }

    struct Fence: Decodable {
        let geofence: String
        let circle: Circle
    }

    struct Circle: Decodable {
        let latitude: Double
        let longitude: Double
        let radiusM: Double
    }

    /// Circles to let the phone watch (iOS takes 20 in all), each around one fence, valid until the person has moved `validWithinM` metres.
    func nearby(latitude: Double, longitude: Double) async throws -> Nearby {
        try read(Nearby.self, try await call("GET", "/v1/geofences/nearby?latitude=\(latitude)&longitude=\(longitude)&limit=19"))
    }

    // GET /v1/preferences
    struct Preferences: Codable {
        var quietHours: [QuietHours]
        var maxPerWeek: Int?
        var pausedUntil: Date?
        var mutedKinds: [String]
        var traits: [String]
        var interests: [String]
    }

    struct QuietHours: Codable {
        var days: [String]
        var from: String
        var to: String
    }

    func preferences() async throws -> Preferences {
        try read(Preferences.self, try await call("GET", "/v1/preferences"))
    }

    // PUT /v1/preferences
    /// Replaces all of them: read first, change, put.
    func setPreferences(_ preferences: Preferences) async throws {
        try await call("PUT", "/v1/preferences", preferences)
    }

    // GET /v1/me/decisions
    struct Decisions: Decodable {
        let data: [Decision]
        let nextCursor: String?
    }

    struct Decision: Decodable {
        let id: String
        let decidedAt: Date
        let outcome: String
        let reasons: [Reason]
    }

    struct Reason: Decodable {
        let code: String
        let text: String
        let wouldChange: String?
    }

    /// Why each push came, and why none did, in sentences to show to the person; newest first.
    func decisions() async throws -> [Decision] {
        try read(Decisions.self, try await call("GET", "/v1/me/decisions?limit=20")).data
    }

    // DELETE /v1/me
    /// Erases the person and everything known of them.
    func erase() async throws {
        try await call("DELETE", "/v1/me")
        vault.credential = nil
    }

    // Problem documents
    private struct Problem: Decodable {
        let code: String
        let detail: String
    }

    private struct Nothing: Encodable {}

    @discardableResult
    private func call(_ method: String, _ path: String) async throws -> Data {
        try await call(method, path, Nothing?.none)
    }

    @discardableResult
    private func call<Body: Encodable>(_ method: String, _ path: String, _ body: Body?) async throws -> Data {
        guard let address = URL(string: url + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: address, timeoutInterval: 20)
        request.httpMethod = method
        request.setValue("Bearer \(vault.credential ?? appKey)", forHTTPHeaderField: "Authorization")
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try encoder().encode(body)
        }
        let (data, response) = try await send(request)
        guard response.statusCode >= 400 else { return data }
        let problem = try? decoder().decode(Problem.self, from: data) // a proxy on the way may answer with anything
        throw WhenaboutsError(
            status: response.statusCode,
            code: problem?.code ?? "error",
            detail: problem?.detail ?? "",
            retryAfterS: response.value(forHTTPHeaderField: "Retry-After").flatMap(Int.init)
        )
    }

    private func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        do {
            let (data, response) = try await session.data(for: request)
            guard let response = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
            return (data, response)
        } catch let error as URLError {
            throw WhenaboutsError(status: 0, code: "unreachable", detail: error.localizedDescription)
        }
    }

    private func read<Answer: Decodable>(_ type: Answer.Type, _ data: Data) throws -> Answer {
        try decoder().decode(type, from: data)
    }
}

// POST /v1/locations
/// Fixes wait in `file` until the service has committed them: a tunnel or a dead battery loses none.
actor LocationQueue {
    private let file: URL
    private let client: Whenabouts

    init(file: URL, client: Whenabouts) {
        self.file = file
        self.client = client
    }

    /// Keeps a fix and tries to send all that wait. Its id was made once, so that sending twice is harmless.
    func add(_ fix: Whenabouts.Fix) async {
        store(waiting() + [fix])
        await flush()
    }

    /// Sends what waits, oldest first. Call it at the start of the app, and when the network returns.
    func flush() async {
        while true {
            let batch = Array(waiting().prefix(100))
            if batch.isEmpty { return }
            do {
                try await client.locate(batch)
            } catch let error as WhenaboutsError where !error.isTemporary {
                // Refused for good, above all `consent_missing`: nothing was stored there, and nothing may stay here.
            } catch {
                return // they stay until the next flush
            }
            let sent = Set(batch.map(\.eventId))
            store(waiting().filter { !sent.contains($0.eventId) }) // others may have joined while we waited
        }
    }

    private func waiting() -> [Whenabouts.Fix] {
        guard let data = try? Data(contentsOf: file), let fixes = try? decoder().decode([Whenabouts.Fix].self, from: data) else { return [] }
        let oldest = Date(timeIntervalSinceNow: -24 * 60 * 60) // older ones would be rejected as `too_old`
        return fixes.filter { $0.occurredAt > oldest }
    }

    private func store(_ fixes: [Whenabouts.Fix]) {
        // Readable once the phone was unlocked after its start: fences are crossed while it is locked.
        try? encoder().encode(fixes).write(to: file, options: [.atomic, .completeFileProtectionUntilFirstUserAuthentication])
    }
}

// Beside the API
private func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.dateEncodingStrategy = .custom { date, encoder in
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        var container = encoder.singleValueContainer()
        try container.encode(formatter.string(from: date))
    }
    return encoder
}

private func decoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.dateDecodingStrategy = .custom { decoder in
        let text = try decoder.singleValueContainer().decode(String.self)
        if let date = time(text) { return date }
        throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no RFC 3339 time: \(text)"))
    }
    return decoder
}

/// Reads an RFC 3339 time with as many digits of a second as there are; the formatter knows none or three.
private func time(_ text: String) -> Date? {
    guard let dot = text.firstIndex(of: ".") else { return ISO8601DateFormatter().date(from: text) }
    let digits = text[text.index(after: dot)...].prefix { $0.isNumber }
    let whole = String(text[..<dot] + text[digits.endIndex...])
    return ISO8601DateFormatter().date(from: whole)?.addingTimeInterval(Double("0." + digits) ?? 0)
}

/// A UUID that begins with its time, so that ids sort as the fixes happened.
func uuidV7() -> String {
    let millis = UInt64(Date().timeIntervalSince1970 * 1000)
    var bytes = UUID().uuid
    bytes.0 = UInt8(truncatingIfNeeded: millis >> 40)
    bytes.1 = UInt8(truncatingIfNeeded: millis >> 32)
    bytes.2 = UInt8(truncatingIfNeeded: millis >> 24)
    bytes.3 = UInt8(truncatingIfNeeded: millis >> 16)
    bytes.4 = UInt8(truncatingIfNeeded: millis >> 8)
    bytes.5 = UInt8(truncatingIfNeeded: millis)
    bytes.6 = (bytes.6 & 0x0F) | 0x70
    return UUID(uuid: bytes).uuidString.lowercased()
}
