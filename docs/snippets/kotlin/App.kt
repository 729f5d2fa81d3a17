// How an Android app uses the client: FCM target, permissions, fences watched by the phone, pushes and answers.
// Libraries: com.google.firebase:firebase-messaging, com.google.android.gms:play-services-location, androidx.work:work-runtime.
// The manifest declares the classes below (service with action com.google.firebase.MESSAGING_EVENT, receivers not exported) and
// INTERNET, POST_NOTIFICATIONS, ACCESS_FINE_LOCATION, ACCESS_COARSE_LOCATION, ACCESS_BACKGROUND_LOCATION.
package com.example.whenabouts

import android.Manifest
import android.annotation.SuppressLint
import android.app.Activity
import android.app.Notification
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.location.Location
import android.os.Build
import androidx.work.Constraints
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.Worker
import androidx.work.WorkerParameters
import androidx.work.workDataOf
import com.google.android.gms.location.Geofence
import com.google.android.gms.location.GeofencingEvent
import com.google.android.gms.location.GeofencingRequest
import com.google.android.gms.location.LocationRequest
import com.google.android.gms.location.LocationResult
import com.google.android.gms.location.LocationServices
import com.google.android.gms.location.Priority
import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import java.io.File
import java.time.Instant
import java.util.Locale
import java.util.TimeZone
import org.json.JSONObject

object Offers {
    private const val STALE = "here"
    private const val FENCES = 0
    private const val LOOK = 1

    fun client(context: Context): Whenabouts = Whenabouts("https://whenabouts.example.com", "wa_live_pk_YOUR_APP_KEY", Preferences(context))

    fun queue(context: Context) = LocationQueue(File(context.filesDir, "whenabouts-queue"), client(context))

    /** Call at each start and after your own sign-in; `customerToken` comes from your own backend. */
    fun start(context: Context, target: Target, customerToken: String? = null) {
        val client = client(context)
        if (client.isRegistered) {
            client.change(target = target, customerToken = customerToken)
        } else {
            client.register(target, Locale.getDefault().toLanguageTag(), TimeZone.getDefault().id, "1.0", customerToken)
        }
    }

    /** The system's dialogs, after your own screen has explained why and the consents are recorded. */
    fun askForPush(activity: Activity) {
        if (Build.VERSION.SDK_INT >= 33) activity.requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 1)
    }

    /** Android grants "all the time" only in a second step, in its settings, to an app that already has the first one. */
    fun askForLocation(activity: Activity, background: Boolean) {
        val fine = Manifest.permission.ACCESS_FINE_LOCATION
        val first = activity.checkSelfPermission(fine) != PackageManager.PERMISSION_GRANTED
        when {
            first -> activity.requestPermissions(arrayOf(fine, Manifest.permission.ACCESS_COARSE_LOCATION), 2)
            background && Build.VERSION.SDK_INT >= 29 -> activity.requestPermissions(arrayOf(Manifest.permission.ACCESS_BACKGROUND_LOCATION), 3)
        }
    }

    /** Lets the phone watch the nearest fences itself: exact enough for a hint, and nearly free of battery. */
    @SuppressLint("MissingPermission") // called once the background permission is there
    fun watch(context: Context, here: Location) {
        val nearby = client(context).nearby(here.latitude, here.longitude)
        val fences = nearby.fences.map { circle(it.id, it.latitude, it.longitude, it.radiusM, Geofence.GEOFENCE_TRANSITION_ENTER or Geofence.GEOFENCE_TRANSITION_EXIT) }
        // Leaving this circle means that the list has grown stale.
        val stale = circle(STALE, here.latitude, here.longitude, minOf(nearby.validWithinM, 50_000.0), Geofence.GEOFENCE_TRANSITION_EXIT)
        val request = GeofencingRequest.Builder().setInitialTrigger(GeofencingRequest.INITIAL_TRIGGER_ENTER).addGeofences(fences + stale).build()
        val client = LocationServices.getGeofencingClient(context)
        client.removeGeofences(callback(context, FENCES)).addOnCompleteListener { client.addGeofences(request, callback(context, FENCES)) }
    }

    /** A few good fixes over three minutes: the service believes two that agree sooner than one. */
    @SuppressLint("MissingPermission")
    fun look(context: Context) {
        val request = LocationRequest.Builder(Priority.PRIORITY_HIGH_ACCURACY, 20_000).setDurationMillis(180_000).build()
        LocationServices.getFusedLocationProviderClient(context).requestLocationUpdates(request, callback(context, LOOK))
    }

    fun isStale(event: GeofencingEvent): Boolean = event.triggeringGeofences.orEmpty().any { it.requestId == STALE }

    private fun circle(id: String, latitude: Double, longitude: Double, radiusM: Double, transitions: Int): Geofence =
        Geofence.Builder()
            .setRequestId(id)
            .setCircularRegion(latitude, longitude, maxOf(radiusM, 100.0).toFloat()) // phones are not surer than this
            .setExpirationDuration(Geofence.NEVER_EXPIRE)
            .setTransitionTypes(transitions)
            .build()

    private fun callback(context: Context, what: Int): PendingIntent {
        val mutable = if (Build.VERSION.SDK_INT >= 31) PendingIntent.FLAG_MUTABLE else 0 // the system writes the event into it
        return PendingIntent.getBroadcast(context, what, Intent(context, FenceReceiver::class.java), PendingIntent.FLAG_UPDATE_CURRENT or mutable)
    }
}

/** The phone's hint is only the reason to look: the service gets the fixes and tells entering from passing by. */
class FenceReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        LocationResult.extractResult(intent)?.let { result -> return keep(context, result.locations, moved = null) }
        val event = GeofencingEvent.fromIntent(intent) ?: return
        val location = event.triggeringLocation ?: return
        if (event.hasError()) return
        keep(context, listOf(location), moved = location.takeIf { Offers.isStale(event) })
        Offers.look(context)
    }

    private fun keep(context: Context, locations: List<Location>, moved: Location?) {
        for (location in locations) Offers.queue(context).add(fix(context, location))
        SendWorker.enqueue(context, moved)
    }

    private fun fix(context: Context, location: Location): JSONObject {
        val isMock = if (Build.VERSION.SDK_INT >= 31) location.isMock else false
        return Offers.client(context).fix(
            location.latitude,
            location.longitude,
            location.accuracy.toDouble(),
            Instant.ofEpochMilli(location.time),
            background = true,
            isMock = isMock,
        )
    }
}

/** Sends what waits as soon as there is a network, and again later where the service was out of reach. */
class SendWorker(context: Context, parameters: WorkerParameters) : Worker(context, parameters) {
    override fun doWork(): Result = try {
        Offers.queue(applicationContext).flush()
        if (inputData.getBoolean("moved", false)) {
            val here = Location("queue")
            here.latitude = inputData.getDouble("here_latitude", 0.0)
            here.longitude = inputData.getDouble("here_longitude", 0.0)
            Offers.watch(applicationContext, here)
        }
        Result.success()
    } catch (error: WhenaboutsException) {
        if (error.isTemporary) Result.retry() else Result.failure()
    }

    companion object {
        fun enqueue(context: Context, moved: Location? = null) {
            val request = OneTimeWorkRequestBuilder<SendWorker>()
                .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
                .setInputData(workDataOf("moved" to (moved != null), "here_latitude" to moved?.latitude, "here_longitude" to moved?.longitude))
                .build()
            WorkManager.getInstance(context).enqueueUniqueWork("whenabouts", ExistingWorkPolicy.APPEND_OR_REPLACE, request)
        }
    }
}

class PushService : FirebaseMessagingService() {
    override fun onNewToken(token: String) = Offers.start(this, Target("token", token))

    // With firebase_messaging_installation_id_enabled in the manifest this one is called instead (firebase-messaging 25.1.2 and later):
    // override fun onRegistered(installationId: String) = Offers.start(this, Target("fid", installationId))

    /** Called while the app is in front; otherwise the system shows the notification and a tap starts the activity with the same data. */
    override fun onMessageReceived(message: RemoteMessage) = arrived(this, message)
}

// The data of a push
/** Shows a push that came while the app is in front, and says that it came. Runs on a thread of the messaging service. */
fun arrived(context: Context, message: RemoteMessage) {
    val said = message.notification ?: return
    val decisionId = message.data["decision_id"] ?: return
    answerQuietly(context, "delivered", decisionId)
    val immutable = PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE
    val tap = context.packageManager.getLaunchIntentForPackage(context.packageName)
    message.data.forEach { (name, value) -> tap?.putExtra(name, value) }
    val swipe = Intent(context, SwipeReceiver::class.java).putExtra("decision_id", decisionId)
    val shown = Notification.Builder(context, said.channelId ?: "offers") // a channel that your app has made
        .setSmallIcon(context.applicationInfo.icon)
        .setContentTitle(said.title)
        .setContentText(said.body)
        .setAutoCancel(true)
        .setContentIntent(PendingIntent.getActivity(context, decisionId.hashCode(), tap, immutable))
        .setDeleteIntent(PendingIntent.getBroadcast(context, decisionId.hashCode(), swipe, immutable))
        .build()
    context.getSystemService(NotificationManager::class.java).notify(said.tag, 0, shown)
}

/** The person swiped a push away. Android tells it only of notifications that the app itself has shown. */
class SwipeReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val decisionId = intent.getStringExtra("decision_id") ?: return
        val pending = goAsync()
        Thread {
            answerQuietly(context, "dismissed", decisionId)
            pending.finish()
        }.start()
    }
}

/** A lost answer costs a little knowledge, nothing else. */
private fun answerQuietly(context: Context, type: String, decisionId: String) {
    try {
        Offers.client(context).answer(type, decisionId)
    } catch (error: WhenaboutsException) {
        return
    }
}

/** Call in onCreate and onNewIntent of the activity that a tap starts. Returns the link to follow, if there is one. */
fun answerOpened(context: Context, intent: Intent): String? {
    val decisionId = intent.getStringExtra("decision_id") ?: return null
    val link = intent.getStringExtra("deep_link")
    Thread { answerQuietly(context, "opened", decisionId) }.start()
    return link
}

// Beside the API
/** Private to the app; exclude "whenabouts" from backups in the data extraction rules. */
class Preferences(context: Context) : Vault {
    private val preferences = context.getSharedPreferences("whenabouts", Context.MODE_PRIVATE)

    override var credential: String?
        get() = preferences.getString("credential", null)
        set(value) = preferences.edit().putString("credential", value).apply()
}
