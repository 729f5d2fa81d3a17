// How an iOS app (16 and later) uses the client: FCM target, permissions, fences watched by the phone, pushes and answers.
// Package: FirebaseMessaging. Capabilities: Push Notifications, Background Modes with Location updates and Remote notifications.
// Info.plist: NSLocationWhenInUseUsageDescription and NSLocationAlwaysAndWhenInUseUsageDescription, in the same words as your screen.
import CoreLocation
import FirebaseCore
import FirebaseMessaging
import Security
import UIKit
import UserNotifications

@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate, MessagingDelegate, UNUserNotificationCenterDelegate {
    let offers = Offers()

    func application(_ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?) -> Bool {
        FirebaseApp.configure()
        Messaging.messaging().delegate = self
        UNUserNotificationCenter.current().delegate = self
        application.registerForRemoteNotifications()
        Task { await offers.queue.flush() }
        return true
    }

    nonisolated func messaging(_ messaging: Messaging, didReceiveRegistrationToken fcmToken: String?) {
        guard let fcmToken else { return }
        Task { try await offers.start(target: .init(kind: "token", value: fcmToken)) }
    }

    /// Called instead with FirebaseMessagingInstallationIdEnabled in Info.plist (FirebaseMessaging 12.19 and later).
    nonisolated func messaging(_ messaging: Messaging, didReceiveRegistration installationId: String?) {
        guard let installationId else { return }
        Task { try await offers.start(target: .init(kind: "fid", value: installationId)) }
    }

    // The data of a push
    /// The person tapped the push, or swiped it away (the latter only for categories with `.customDismissAction`).
    nonisolated func userNotificationCenter(_ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse) async {
        let data = response.notification.request.content.userInfo
        guard let decisionId = data["decision_id"] as? String else { return }
        let swiped = response.actionIdentifier == UNNotificationDismissActionIdentifier
        try? await offers.client.answer(swiped ? "dismissed" : "opened", decisionId: decisionId)
        if !swiped, let link = data["deep_link"] as? String, let address = URL(string: link) {
            await MainActor.run { UIApplication.shared.open(address) }
        }
    }

    /// The push came while the app is in front. Otherwise only the extension in NotificationService.swift sees it come.
    nonisolated func userNotificationCenter(_ center: UNUserNotificationCenter, willPresent notification: UNNotification) async -> UNNotificationPresentationOptions {
        if let decisionId = notification.request.content.userInfo["decision_id"] as? String {
            try? await offers.client.answer("delivered", decisionId: decisionId)
        }
        return [.banner, .sound]
    }
}

@MainActor
final class Offers: NSObject, CLLocationManagerDelegate {
    nonisolated let client: Whenabouts
    nonisolated let queue: LocationQueue
    private let manager = CLLocationManager()
    private let stale = "here"
    private var lookUntil = Date.distantPast
    private var keptAt = Date.distantPast

    override init() {
        client = Whenabouts(url: "https://whenabouts.example.com", appKey: "wa_live_pk_YOUR_APP_KEY", vault: Keychain())
        queue = LocationQueue(file: .libraryDirectory.appending(path: "whenabouts-queue.json"), client: client)
        super.init()
        manager.delegate = self // made at every start: iOS starts the app in the background when a fence is crossed
    }

    /// Call with each new target and after your own sign-in; `customerToken` comes from your own backend.
    nonisolated func start(target: Whenabouts.Target, customerToken: String? = nil) async throws {
        let isRegistered = await client.isRegistered
        if isRegistered {
            try await client.change(.init(target: target, timeZone: TimeZone.current.identifier, customerToken: customerToken))
        } else {
            try await client.register(.init(target: target, locale: Locale.current.identifier(.bcp47), timeZone: TimeZone.current.identifier, customerToken: customerToken))
        }
    }

    /// Call with what your own screen showed and the person tapped; the system's dialogs follow, never lead.
    func allow(_ purposes: [String], wording: String, wordingVersion: String, locale: String) async throws {
        try await client.consent(purposes.map {
            .init(purpose: $0, granted: true, wording: wording, wordingVersion: wordingVersion, locale: locale, source: "onboarding", occurredAt: Date())
        })
        if purposes.contains("push") {
            let may = try await UNUserNotificationCenter.current().requestAuthorization(options: [.alert, .sound, .badge])
            try await client.change(.init(pushPermission: may ? "granted" : "denied"))
        }
        if purposes.contains("background_location") {
            manager.requestAlwaysAuthorization() // iOS first grants "while using" and asks for the rest later
        } else if purposes.contains("location") {
            manager.requestWhenInUseAuthorization()
        }
    }

    /// Lets the phone watch the nearest fences itself: exact enough for a hint, and nearly free of battery.
    func watch(around here: CLLocation) async throws {
        let nearby = try await client.nearby(latitude: here.coordinate.latitude, longitude: here.coordinate.longitude)
        manager.monitoredRegions.forEach(manager.stopMonitoring(for:))
        for fence in nearby.data {
            let center = CLLocationCoordinate2D(latitude: fence.circle.latitude, longitude: fence.circle.longitude)
            manager.startMonitoring(for: CLCircularRegion(center: center, radius: max(fence.circle.radiusM, 100), identifier: fence.geofence))
        }
        // Leaving this circle means that the list has grown stale.
        let whole = CLCircularRegion(center: here.coordinate, radius: min(max(nearby.validWithinM, 100), 50_000), identifier: stale)
        whole.notifyOnEntry = false
        manager.startMonitoring(for: whole)
    }

    /// A few good fixes over three minutes: the service believes two that agree sooner than one.
    private func look() {
        lookUntil = Date(timeIntervalSinceNow: 180)
        manager.desiredAccuracy = kCLLocationAccuracyNearestTenMeters
        manager.allowsBackgroundLocationUpdates = true
        manager.startUpdatingLocation()
    }

    private func keep(_ location: CLLocation) async throws {
        if Date() > lookUntil { manager.stopUpdatingLocation() }
        guard location.timestamp > keptAt.addingTimeInterval(20) else { return }
        keptAt = location.timestamp
        await queue.add(fix(location))
        if isStale(at: location) { try await watch(around: location) }
    }

    // The phone's hint is only the reason to look: the service gets the fixes and tells entering from passing by.
    nonisolated func locationManager(_ manager: CLLocationManager, didEnterRegion region: CLRegion) {
        Task { await look() }
    }

    nonisolated func locationManager(_ manager: CLLocationManager, didExitRegion region: CLRegion) {
        Task { await look() }
    }

    nonisolated func locationManager(_ manager: CLLocationManager, didUpdateLocations locations: [CLLocation]) {
        guard let location = locations.last else { return }
        Task { try await keep(location) }
    }

    nonisolated func locationManager(_ manager: CLLocationManager, didFailWithError error: Error) {}

    nonisolated func locationManagerDidChangeAuthorization(_ manager: CLLocationManager) {
        if manager.authorizationStatus == .authorizedAlways { Task { await look() } }
    }

    private func isStale(at location: CLLocation) -> Bool {
        let whole = manager.monitoredRegions.first { $0.identifier == stale } as? CLCircularRegion
        return whole.map { !$0.contains(location.coordinate) } ?? true
    }

    private func fix(_ location: CLLocation) -> Whenabouts.Fix {
        .init(
            eventId: uuidV7(),
            latitude: location.coordinate.latitude,
            longitude: location.coordinate.longitude,
            accuracyM: location.horizontalAccuracy,
            occurredAt: location.timestamp,
            background: UIApplication.shared.applicationState == .background,
            isMock: location.sourceInformation?.isSimulatedBySoftware ?? false
        )
    }
}

/// The credential in the keychain of this device, readable in the background, in no backup for another phone.
final class Keychain: Vault, @unchecked Sendable {
    private let query: [String: Any] = [kSecClass as String: kSecClassGenericPassword, kSecAttrService as String: "whenabouts"]

    var credential: String? {
        get {
            var found: CFTypeRef?
            let status = SecItemCopyMatching(query.merging([kSecReturnData as String: true]) { $1 } as CFDictionary, &found)
            return status == errSecSuccess ? (found as? Data).flatMap { String(data: $0, encoding: .utf8) } : nil
        }
        set {
            SecItemDelete(query as CFDictionary)
            guard let newValue else { return }
            let item: [String: Any] = [kSecValueData as String: Data(newValue.utf8), kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly]
            SecItemAdd(query.merging(item) { $1 } as CFDictionary, nil)
        }
    }
}
