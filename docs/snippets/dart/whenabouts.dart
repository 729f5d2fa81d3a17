// A small client of the Whenabouts API for Flutter: one device, its person's consents, places and answers.
// Packages: http, uuid.
import 'dart:convert';
import 'dart:io';

import 'package:http/http.dart' as http;
import 'package:uuid/uuid.dart';

typedef Json = Map<String, dynamic>;

/// The service said no. [code] is stable (see /docs/errors of your service); [status] 0 means that nobody answered.
class WhenaboutsException implements Exception {
  const WhenaboutsException(this.status, this.code, this.detail, {this.retryAfterS});

  final int status;
  final String code;
  final String detail;
  final int? retryAfterS;

  /// True where the same request may succeed later; false where it never will.
  bool get isTemporary => status == 0 || status == 429 || status >= 500;

  @override
  String toString() => '$code: $detail';
}

/// Where the device's credential outlives the process, such as flutter_secure_storage.
abstract interface class Vault {
  Future<String?> read();
  Future<void> write(String? credential);
}

class Whenabouts {
  Whenabouts({required this.url, required this.appKey, required this.vault, http.Client? client}) : _client = client ?? http.Client();

  final String url;
  final String appKey;
  final Vault vault;
  final http.Client _client;

  // POST /v1/devices
  /// Registers this install. The credential is shown once; it speaks for this device and nobody else from now on.
  Future<void> register({required String fcmToken, required String locale, String? timeZone, String? customerToken}) async {
    final registered = await _call('POST', '/v1/devices', {
      'platform': Platform.isIOS ? 'ios' : 'android',
      'target': {'kind': 'token', 'value': fcmToken},
      'locale': locale,
      if (timeZone != null) 'time_zone': timeZone,
      if (customerToken != null) 'customer_token': customerToken, // without it: an anonymous customer
    });
    await vault.write(registered['credential'] as String);
  }

  // PATCH /v1/devices/me
  /// Tells what changed: a new FCM token, the phone's push permission, or who has just signed in.
  Future<void> change({String? fcmToken, bool? mayPush, String? customerToken}) async {
    await _call('PATCH', '/v1/devices/me', {
      if (fcmToken != null) 'target': {'kind': 'token', 'value': fcmToken},
      if (mayPush != null) 'push_permission': mayPush ? 'granted' : 'denied',
      if (customerToken != null) 'customer_token': customerToken,
    });
  }

  // DELETE /v1/devices/me
  /// Signs out: the credential ends and no push comes to this phone any more.
  Future<void> signOut() async {
    await _call('DELETE', '/v1/devices/me');
    await vault.write(null);
  }

  // POST /v1/consents
  /// Records what the person said, with exactly the words they read. A withdrawal has acted when this returns.
  Future<void> consent(
    List<String> purposes, {
    required bool granted,
    required String wording,
    required String wordingVersion,
    required String locale,
    required String source,
  }) async {
    final occurredAt = _text(DateTime.now());
    await _call('POST', '/v1/consents', {
      'entries': [
        for (final purpose in purposes)
          {
            'purpose': purpose, // push, location, background_location, habits, purchases
            'granted': granted,
            'wording': wording,
            'wording_version': wordingVersion,
            'locale': locale,
            'source': source,
            'occurred_at': occurredAt,
          },
      ],
    });
  }

  // GET /v1/consents
  /// The purposes that are granted at this moment.
  Future<Set<String>> granted() async {
    final ledger = await _call('GET', '/v1/consents');
    final current = ledger['current'] as Json;
    return {for (final purpose in current.keys) if ((current[purpose] as Json)['granted'] as bool) purpose};
  }

  // POST /v1/locations
  /// Sends 1 to 100 fixes. When this returns they are committed; one that is sent again changes nothing.
  Future<void> locate(List<Json> fixes) => _call('POST', '/v1/locations', {'fixes': fixes});

  static Json fix({
    required double latitude,
    required double longitude,
    required double accuracyM,
    required DateTime occurredAt,
    required bool background,
    bool isMock = false,
  }) => {
    'event_id': const Uuid().v7(), // made once, here, so that sending twice is harmless
    'latitude': latitude,
    'longitude': longitude,
    'accuracy_m': accuracyM,
    'occurred_at': _text(occurredAt),
    'background': background,
    'is_mock': isMock,
  };

  // POST /v1/events
  /// Says what became of a push: `delivered`, `opened`, `dismissed`, `redeemed` or `not_for_me`.
  Future<void> answer(String type, String decisionId) => _call('POST', '/v1/events', {
    'events': [
      {'event_id': const Uuid().v7(), 'type': type, 'occurred_at': _text(DateTime.now()), 'decision_id': decisionId},
    ],
  });

  // GET /v1/geofences/nearby
  /// Circles to let the phone watch, each around one fence, valid until the person has moved [Nearby.validWithinM] metres.
  Future<Nearby> nearby(double latitude, double longitude) async {
    final answer = await _call('GET', '/v1/geofences/nearby?latitude=$latitude&longitude=$longitude&limit=19');
    return (
      validWithinM: (answer['valid_within_m'] as num).toDouble(),
      fences: [
        for (final fence in (answer['data'] as List).cast<Json>())
          _fence(fence['geofence'] as String, fence['circle'] as Json),
      ],
    );
  }

  static Fence _fence(String id, Json circle) => (
    id: id,
    latitude: (circle['latitude'] as num).toDouble(),
    longitude: (circle['longitude'] as num).toDouble(),
    radiusM: (circle['radius_m'] as num).toDouble(),
  );

  // GET /v1/preferences
  Future<Json> preferences() => _call('GET', '/v1/preferences');

  // PUT /v1/preferences
  /// Replaces all of them: read first, change, put.
  Future<Json> setPreferences(Json preferences) => _call('PUT', '/v1/preferences', preferences);

  Future<Json> quietEveryNight(Json preferences, {required String from, required String to}) => setPreferences({
    ...preferences,
    'quiet_hours': [
      {'days': <String>[], 'from': from, 'to': to},
    ],
  });

  // GET /v1/me/decisions
  /// Why each push came, and why none did, in sentences to show to the person; newest first.
  Future<List<Decision>> decisions() async {
    final page = await _call('GET', '/v1/me/decisions?limit=20');
    return [
      for (final each in (page['data'] as List).cast<Json>())
        (
          id: each['id'] as String,
          decidedAt: DateTime.parse(each['decided_at'] as String),
          outcome: each['outcome'] as String,
          reasons: [for (final reason in (each['reasons'] as List).cast<Json>()) reason['text'] as String],
        ),
    ];
  }

  // DELETE /v1/me
  /// Erases the person and everything known of them.
  Future<void> erase() async {
    await _call('DELETE', '/v1/me');
    await vault.write(null);
  }

  // Problem documents
  Future<Json> _call(String method, String path, [Json? body]) async {
    final request = http.Request(method, Uri.parse('$url$path'));
    request.headers['Authorization'] = 'Bearer ${await vault.read() ?? appKey}';
    if (body != null) {
      request.headers['Content-Type'] = 'application/json';
      request.body = jsonEncode(body);
    }
    final http.Response response;
    try {
      response = await _client.send(request).then(http.Response.fromStream).timeout(const Duration(seconds: 20));
    } on Exception catch (error) {
      throw WhenaboutsException(0, 'unreachable', '$error');
    }
    if (response.statusCode < 400) return response.body.isEmpty ? {} : jsonDecode(response.body) as Json;
    throw _problem(response);
  }

  WhenaboutsException _problem(http.Response response) {
    Json document = {};
    try {
      document = jsonDecode(response.body) as Json;
    } on Object {
      // A proxy on the way may answer with anything.
    }
    return WhenaboutsException(
      response.statusCode,
      document['code'] as String? ?? 'error',
      document['detail'] as String? ?? response.body,
      retryAfterS: int.tryParse(response.headers['retry-after'] ?? ''),
    );
  }
}

// POST /v1/locations
/// Fixes wait in [file], one a line, until the service has committed them: a tunnel or a dead battery loses none.
class LocationQueue {
  LocationQueue(this.file, this.client);

  final File file;
  final Whenabouts client;

  /// Keeps a fix and tries to send all that wait.
  Future<void> add(Json fix) async {
    // A line of its own, so that half a line after a crash spoils nothing else.
    file.writeAsStringSync('\n${jsonEncode(fix)}\n', mode: FileMode.append, flush: true);
    await flush();
  }

  /// Sends what waits, oldest first. Call it at the start of the app, and when the network returns.
  Future<void> flush() async {
    while (true) {
      final batch = _waiting().take(100).toList();
      if (batch.isEmpty) return;
      try {
        await client.locate(batch);
      } on WhenaboutsException catch (error) {
        if (error.isTemporary) return; // they stay until the next flush
        // Refused for good, above all `consent_missing`: nothing was stored there, and nothing may stay here.
      }
      _remove({for (final fix in batch) fix['event_id'] as String});
    }
  }

  List<Json> _waiting() {
    if (!file.existsSync()) return [];
    final oldest = DateTime.now().subtract(const Duration(hours: 24)); // older ones would be rejected as `too_old`
    return [
      for (final fix in file.readAsLinesSync().map(_decoded).nonNulls)
        if (DateTime.parse(fix['occurred_at'] as String).isAfter(oldest)) fix,
    ];
  }

  /// Reading and replacing without a pause between them, so that nothing added meanwhile is lost.
  void _remove(Set<String> sent) {
    final kept = _waiting().where((fix) => !sent.contains(fix['event_id']));
    final next = File('${file.path}.next')..writeAsStringSync(kept.map((fix) => '${jsonEncode(fix)}\n').join(), flush: true);
    next.renameSync(file.path);
  }

  Json? _decoded(String line) {
    try {
      return jsonDecode(line) as Json;
    } on FormatException {
      return null; // empty, or half a line after a crash
    }
  }
}

// Beside the API
typedef Fence = ({String id, double latitude, double longitude, double radiusM});

typedef Nearby = ({List<Fence> fences, double validWithinM});

typedef Decision = ({String id, DateTime decidedAt, String outcome, List<String> reasons});

String _text(DateTime time) => time.toUtc().toIso8601String();
