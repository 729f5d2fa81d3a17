// A small client of the Whenabouts API for Android: one device, its person's consents, places and answers.
// It needs nothing but the platform. Every call waits for the network: call it from a worker, never from the main thread.
package com.example.whenabouts

import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import java.security.SecureRandom
import java.time.Instant
import java.time.OffsetDateTime
import java.time.temporal.ChronoUnit
import java.util.UUID
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** The service said no. `code` is stable (see /docs/errors of your service); `status` 0 means that nobody answered. */
class WhenaboutsException(val status: Int, val code: String, detail: String, val retryAfterS: Int? = null) : IOException(detail) {
    /** True where the same request may succeed later; false where it never will. */
    val isTemporary: Boolean get() = status == 0 || status == 429 || status >= 500
}

/** Where the device's credential outlives the process; keep it out of backups, since it speaks for this phone alone. */
interface Vault {
    var credential: String?
}

class Whenabouts(private val url: String, private val appKey: String, private val vault: Vault) {
    val isRegistered: Boolean get() = vault.credential != null

    // POST /v1/devices
    /** Registers this install. The credential is shown once; it speaks for this device and nobody else from now on. */
    fun register(target: Target, locale: String, timeZone: String, appVersion: String, customerToken: String? = null) {
        val device = JSONObject()
            .put("platform", "android")
            .put("target", JSONObject().put("kind", target.kind).put("value", target.value))
            .put("locale", locale)
            .put("time_zone", timeZone)
            .put("app_version", appVersion)
            .put("customer_token", customerToken) // null is left out: an anonymous customer
        vault.credential = call("POST", "/v1/devices", device).getString("credential")
    }

    // PATCH /v1/devices/me
    /** Tells what changed: a new FCM target, the phone's push permission, or who has just signed in. */
    fun change(target: Target? = null, mayPush: Boolean? = null, customerToken: String? = null) {
        val changes = JSONObject()
            .put("target", target?.let { JSONObject().put("kind", it.kind).put("value", it.value) })
            .put("push_permission", mayPush?.let { if (it) "granted" else "denied" })
            .put("customer_token", customerToken)
        call("PATCH", "/v1/devices/me", changes)
    }

    // DELETE /v1/devices/me
    /** Signs out: the credential ends and no push comes to this phone any more. */
    fun signOut() {
        call("DELETE", "/v1/devices/me")
        vault.credential = null
    }

    // POST /v1/consents
    /** Records what the person said, with exactly the words they read. A withdrawal has acted when this returns. */
    fun consent(entries: List<Consent>) {
        val rows = entries.map {
            JSONObject()
                .put("purpose", it.purpose)
                .put("granted", it.granted)
                .put("wording", it.wording)
                .put("wording_version", it.wordingVersion)
                .put("locale", it.locale)
                .put("source", it.source)
                .put("occurred_at", it.occurredAt.toString())
        }
        call("POST", "/v1/consents", JSONObject().put("entries", JSONArray(rows)))
    }

    // GET /v1/consents
    /** The purposes that are granted at this moment: `push`, `location`, `background_location`, `habits`, `purchases`. */
    fun granted(): Set<String> {
        val current = call("GET", "/v1/consents").getJSONObject("current")
        return current.keys().asSequence().filter { current.getJSONObject(it).getBoolean("granted") }.toSet()
    }

    // POST /v1/locations
    /** Sends 1 to 100 fixes. When this returns they are committed; one that is sent again changes nothing. */
    fun locate(fixes: List<JSONObject>): List<Transition> {
        val receipt = call("POST", "/v1/locations", JSONObject().put("fixes", JSONArray(fixes)))
        return receipt.getJSONArray("transitions").objects().map { Transition(it.getString("geofence"), it.getString("type")) }
    }

    fun fix(latitude: Double, longitude: Double, accuracyM: Double, occurredAt: Instant, background: Boolean, isMock: Boolean): JSONObject =
        JSONObject()
            .put("event_id", uuidV7()) // made once, here, so that sending twice is harmless
            .put("latitude", latitude)
            .put("longitude", longitude)
            .put("accuracy_m", accuracyM)
            .put("occurred_at", occurredAt.toString())
            .put("background", background)
            .put("is_mock", isMock)

    // POST /v1/events
    /** Says what became of a push: `delivered`, `opened`, `dismissed`, `redeemed` or `not_for_me`. */
    fun answer(type: String, decisionId: String) {
        val event = JSONObject()
            .put("event_id", uuidV7())
            .put("type", type)
            .put("occurred_at", Instant.now().toString())
            .put("decision_id", decisionId)
        call("POST", "/v1/events", JSONObject().put("events", JSONArray(listOf(event))))
    }

    // GET /v1/geofences/nearby
    /** Circles to let the phone watch, each around one fence, valid until the person has moved `validWithinM` metres. */
    fun nearby(latitude: Double, longitude: Double): Nearby {
        val answer = call("GET", "/v1/geofences/nearby?latitude=$latitude&longitude=$longitude&limit=20")
        val fences = answer.getJSONArray("data").objects().map {
            val circle = it.getJSONObject("circle")
            Fence(it.getString("geofence"), circle.getDouble("latitude"), circle.getDouble("longitude"), circle.getDouble("radius_m"))
        }
        return Nearby(fences, answer.getDouble("valid_within_m"))
    }

    // PUT /v1/preferences
    /** Replaces them: read `preferences()`, change what the person changed, and put it back. */
    fun setPreferences(preferences: JSONObject): JSONObject = call("PUT", "/v1/preferences", preferences)

    fun quietEveryNight(preferences: JSONObject, from: String, to: String): JSONObject =
        preferences.put("quiet_hours", JSONArray().put(JSONObject().put("from", from).put("to", to)))

    // GET /v1/preferences
    fun preferences(): JSONObject = call("GET", "/v1/preferences")

    // GET /v1/me/decisions
    /** Why each push came, and why none did, in sentences to show to the person; newest first. */
    fun decisions(): List<Decision> = call("GET", "/v1/me/decisions?limit=20").getJSONArray("data").objects().map {
        val reasons = it.getJSONArray("reasons").objects().map { reason -> reason.getString("text") }
        Decision(it.getString("id"), OffsetDateTime.parse(it.getString("decided_at")).toInstant(), it.getString("outcome"), reasons)
    }

    // DELETE /v1/me
    /** Erases the person and everything known of them. */
    fun erase() {
        call("DELETE", "/v1/me")
        vault.credential = null
    }

    // Problem documents
    private fun call(method: String, path: String, body: JSONObject? = null): JSONObject {
        val connection = URL(url + path).openConnection() as HttpURLConnection
        try {
            connection.requestMethod = method
            connection.connectTimeout = 10_000
            connection.readTimeout = 20_000
            connection.setRequestProperty("Authorization", "Bearer ${vault.credential ?: appKey}")
            if (body != null) {
                connection.setRequestProperty("Content-Type", "application/json")
                connection.doOutput = true
                connection.outputStream.use { it.write(body.toString().toByteArray()) }
            }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.use { it.readBytes().decodeToString() }.orEmpty()
            if (status >= 400) throw problem(status, text, connection.getHeaderField("Retry-After"))
            return if (text.isEmpty()) JSONObject() else JSONObject(text)
        } catch (error: IOException) {
            throw error as? WhenaboutsException ?: WhenaboutsException(0, "unreachable", error.toString())
        } finally {
            connection.disconnect()
        }
    }

    private fun problem(status: Int, text: String, retryAfter: String?): WhenaboutsException {
        val document = try { JSONObject(text) } catch (error: JSONException) { JSONObject() } // a proxy may answer anything
        return WhenaboutsException(status, document.optString("code", "error"), document.optString("detail", text), retryAfter?.toIntOrNull())
    }
}

// POST /v1/locations
/** Fixes wait in `file`, one a line, until the service has committed them: a tunnel or a dead battery loses none. */
class LocationQueue(private val file: File, private val client: Whenabouts) {
    /** Begins a line of its own, so that half a line after a crash spoils nothing else. */
    fun add(fix: JSONObject) = synchronized(lock) { file.appendText("\n$fix\n") }

    /** Sends what waits, oldest first. Throws a temporary exception where it should be tried again later. */
    fun flush() {
        while (true) {
            val batch = synchronized(lock) { waiting().take(100) }
            if (batch.isEmpty()) return
            try {
                client.locate(batch)
            } catch (error: WhenaboutsException) {
                if (error.isTemporary) throw error
                // Refused for good, above all `consent_missing`: nothing was stored there, and nothing may stay here.
            }
            remove(batch.map { it.getString("event_id") }.toSet())
        }
    }

    private fun waiting(): List<JSONObject> {
        if (!file.exists()) return emptyList()
        val oldest = Instant.now().minus(24, ChronoUnit.HOURS) // older ones would be rejected as `too_old`
        return file.readLines()
            .mapNotNull { line -> try { JSONObject(line) } catch (error: JSONException) { null } } // empty, or half a line after a crash
            .filter { Instant.parse(it.getString("occurred_at")) > oldest }
    }

    private fun remove(sent: Set<String>) = synchronized(lock) {
        val next = File(file.path + ".next")
        next.writeText(waiting().filterNot { it.getString("event_id") in sent }.joinToString("") { "$it\n" })
        if (!next.renameTo(file)) throw IOException("cannot replace ${file.name}")
    }

    private companion object {
        val lock = Any() // of all queues of the process: they share the file
    }
}

// Beside the API
/** `kind` is `token` for an FCM registration token and `fid` for a Firebase installation id. */
data class Target(val kind: String, val value: String)

data class Consent(
    val purpose: String,
    val granted: Boolean,
    val wording: String,
    val wordingVersion: String,
    val locale: String,
    val source: String,
    val occurredAt: Instant,
)

data class Transition(val geofence: String, val type: String)

data class Fence(val id: String, val latitude: Double, val longitude: Double, val radiusM: Double)

data class Nearby(val fences: List<Fence>, val validWithinM: Double)

data class Decision(val id: String, val decidedAt: Instant, val outcome: String, val reasons: List<String>)

private fun JSONArray.objects(): List<JSONObject> = (0 until length()).map { getJSONObject(it) }

private val random = SecureRandom()

/** A UUID that begins with its time, so that ids sort as the fixes happened. */
fun uuidV7(): String {
    val high = (System.currentTimeMillis() shl 16) or 0x7000L or (random.nextLong() and 0x0FFFL)
    val low = (random.nextLong() ushr 2) or Long.MIN_VALUE
    return UUID(high, low).toString()
}
