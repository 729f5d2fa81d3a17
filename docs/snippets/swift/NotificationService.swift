// The notification service extension of an iOS app: it fetches the image of a push, and says that the push came. iOS runs it
// for pushes with `mutable-content`, which are those with an image. Target: Notification Service Extension, with FirebaseMessaging,
// Whenabouts.swift and the app's Keychain class; app and extension share a keychain group, or the extension has no credential.
import FirebaseMessaging
import UserNotifications

final class NotificationService: UNNotificationServiceExtension {
    private var done: ((UNNotificationContent) -> Void)?
    private var content: UNMutableNotificationContent?

    // The data of a push
    override func didReceive(_ request: UNNotificationRequest, withContentHandler contentHandler: @escaping (UNNotificationContent) -> Void) {
        guard let content = request.content.mutableCopy() as? UNMutableNotificationContent else { return contentHandler(request.content) }
        done = contentHandler
        self.content = content
        if let decisionId = content.userInfo["decision_id"] as? String {
            let client = Whenabouts(url: "https://whenabouts.example.com", appKey: "wa_live_pk_YOUR_APP_KEY", vault: Keychain())
            Task { try? await client.answer("delivered", decisionId: decisionId) }
        }
        Messaging.serviceExtension().populateNotificationContent(content, withContentHandler: contentHandler)
    }

    /// Called when the time is up: the push is shown as it came.
    override func serviceExtensionTimeWillExpire() {
        if let content { done?(content) }
    }
}
