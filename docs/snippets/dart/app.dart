// How a Flutter app uses the client: FCM token, permissions, fences watched by the phone, pushes and answers.
// Packages: firebase_core, firebase_messaging, flutter_secure_storage, geolocator, native_geofence,
// path_provider, permission_handler, url_launcher. Each names the lines it wants in the manifest and Info.plist.
import 'dart:io';
import 'dart:math';
import 'dart:ui';

import 'package:firebase_core/firebase_core.dart';
import 'package:firebase_messaging/firebase_messaging.dart';
import 'package:flutter/widgets.dart';
import 'package:flutter_secure_storage/flutter_secure_storage.dart';
import 'package:geolocator/geolocator.dart';
import 'package:native_geofence/native_geofence.dart';
import 'package:path_provider/path_provider.dart';
import 'package:permission_handler/permission_handler.dart';
import 'package:url_launcher/url_launcher.dart';

import 'whenabouts.dart';

const _stale = 'here';

final offers = Whenabouts(
  url: 'https://whenabouts.example.com',
  appKey: 'wa_live_pk_YOUR_APP_KEY',
  vault: KeychainVault(),
);

Future<LocationQueue> queue() async => LocationQueue(File('${(await getApplicationSupportDirectory()).path}/whenabouts-queue'), offers);

/// Call at each start and after your own sign-in; [customerToken] comes from your own backend.
Future<void> start({String? customerToken}) async {
  WidgetsFlutterBinding.ensureInitialized();
  await Firebase.initializeApp();
  final token = await FirebaseMessaging.instance.getToken();
  if (token == null) return; // iOS without its APNs token yet: onTokenRefresh follows
  if (await offers.vault.read() == null) {
    await offers.register(fcmToken: token, locale: PlatformDispatcher.instance.locale.toLanguageTag(), customerToken: customerToken);
  } else {
    await offers.change(fcmToken: token, customerToken: customerToken);
  }
  FirebaseMessaging.instance.onTokenRefresh.listen((token) => offers.change(fcmToken: token));
  FirebaseMessaging.onMessage.listen(arrived); // the app is in front, and shows the push in its own way
  FirebaseMessaging.onBackgroundMessage(arrived); // Android runs it beside the system's own notification
  FirebaseMessaging.onMessageOpenedApp.listen(_opened); // the app was in the background
  final first = await FirebaseMessaging.instance.getInitialMessage(); // the push started the app
  if (first != null) await _opened(first);
  await (await queue()).flush();
}

/// Call with what your own screen showed and the person tapped; the system's dialogs follow, never lead.
Future<void> allow(List<String> purposes, {required String wording, required String wordingVersion, required String locale}) async {
  await offers.consent(
    purposes,
    granted: true,
    wording: wording,
    wordingVersion: wordingVersion,
    locale: locale,
    source: 'onboarding',
  );
  if (purposes.contains('push')) {
    final settings = await FirebaseMessaging.instance.requestPermission();
    await offers.change(mayPush: settings.authorizationStatus == AuthorizationStatus.authorized);
  }
  if (purposes.contains('location')) await Permission.locationWhenInUse.request();
  if (purposes.contains('background_location') && await Permission.locationAlways.request().isGranted) await watch();
}

/// Lets the phone watch the nearest fences itself: exact enough for a hint, and nearly free of battery.
Future<void> watch() async {
  final here = await Geolocator.getCurrentPosition();
  final nearby = await offers.nearby(here.latitude, here.longitude);
  await NativeGeofenceManager.instance.initialize();
  await NativeGeofenceManager.instance.removeAllGeofences();
  for (final fence in nearby.fences) {
    await _watch(fence.id, fence.latitude, fence.longitude, fence.radiusM, {GeofenceEvent.enter, GeofenceEvent.exit});
  }
  // Leaving this circle means that the list has grown stale.
  await _watch(_stale, here.latitude, here.longitude, min(nearby.validWithinM, 50000), {GeofenceEvent.exit});
}

Future<void> _watch(String id, double latitude, double longitude, double radiusM, Set<GeofenceEvent> triggers) =>
    NativeGeofenceManager.instance.createGeofence(
      Geofence(
        id: id,
        location: Location(latitude: latitude, longitude: longitude),
        radiusMeters: max(radiusM, 100), // phones are not surer than this; the service decides exactly
        triggers: triggers,
        iosSettings: const IosGeofenceSettings(initialTrigger: true),
        androidSettings: const AndroidGeofenceSettings(initialTriggers: {GeofenceEvent.enter}),
      ),
      crossed,
    );

/// The phone's hint is only the reason to look: the service gets the fixes and tells entering from passing by.
/// It believes two that agree sooner than one; iOS may cut the second short, and the next hint brings another.
@pragma('vm:entry-point')
Future<void> crossed(GeofenceCallbackParams params) async {
  await _keepFix();
  if (params.geofences.any((fence) => fence.id == _stale)) await watch();
  await Future<void>.delayed(const Duration(seconds: 25));
  await _keepFix();
}

Future<void> _keepFix() async {
  final here = await Geolocator.getCurrentPosition();
  final fix = Whenabouts.fix(
    latitude: here.latitude,
    longitude: here.longitude,
    accuracyM: here.accuracy,
    occurredAt: here.timestamp,
    background: true,
    isMock: here.isMocked,
  );
  await (await queue()).add(fix);
}

// The data of a push
/// Says that a push came. In the background it runs apart from the app, so it relies on nothing that [start] has made.
@pragma('vm:entry-point')
Future<void> arrived(RemoteMessage message) async {
  final decisionId = message.data['decision_id'] as String?;
  if (decisionId != null) await offers.answer('delivered', decisionId);
}

Future<void> _opened(RemoteMessage message) async {
  final decisionId = message.data['decision_id'] as String?;
  if (decisionId == null) return;
  await offers.answer('opened', decisionId);
  final link = message.data['deep_link'] as String?;
  if (link != null && link.isNotEmpty) await launchUrl(Uri.parse(link));
}

// Beside the API
/// Readable in the background, in no backup for another phone.
class KeychainVault implements Vault {
  static const _storage = FlutterSecureStorage(iOptions: IOSOptions(accessibility: KeychainAccessibility.first_unlock_this_device));

  @override
  Future<String?> read() => _storage.read(key: 'whenabouts');

  @override
  Future<void> write(String? credential) => _storage.write(key: 'whenabouts', value: credential);
}
