// How a React Native app uses the client: FCM target, permissions, fences watched by the phone, pushes and answers.
// Packages: @react-native-firebase/messaging, expo-location, expo-task-manager, expo-secure-store and
// @react-native-async-storage/async-storage. Import this file from the app's entry file: tasks and the background
// handler must be there when the system starts the app without its screens.
import AsyncStorage from '@react-native-async-storage/async-storage';
import {
  getInitialNotification,
  getMessaging,
  getToken,
  onMessage,
  onNotificationOpenedApp,
  onTokenRefresh,
  requestPermission,
  setBackgroundMessageHandler,
  type RemoteMessage,
} from '@react-native-firebase/messaging';
import * as Location from 'expo-location';
import * as SecureStore from 'expo-secure-store';
import * as TaskManager from 'expo-task-manager';
import {Linking, Platform} from 'react-native';

import {LocationQueue, Whenabouts, type Consent, type Purpose, type Storage} from './whenabouts';

const FENCES = 'whenabouts-fences';
const LOOK = 'whenabouts-look';

/** The credential in the keychain, the queue, which may grow, in plain app storage. */
const storage: Storage = {
  getItem: key => (key.endsWith('credential') ? SecureStore.getItemAsync(key) : AsyncStorage.getItem(key)),
  setItem: (key, value) => (key.endsWith('credential') ? SecureStore.setItemAsync(key, value) : AsyncStorage.setItem(key, value)),
  removeItem: key => (key.endsWith('credential') ? SecureStore.deleteItemAsync(key) : AsyncStorage.removeItem(key)),
};
export const whenabouts = new Whenabouts('https://whenabouts.example.com', 'wa_live_pk_YOUR_APP_KEY', storage);
export const queue = new LocationQueue(whenabouts, storage);

/** Call at each start. `customerToken` comes from your own backend after your own sign-in; without it: anonymous. */
export async function start(customerToken?: string): Promise<void> {
  const target = {kind: 'token' as const, value: await getToken(getMessaging())};
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const locale = Intl.DateTimeFormat().resolvedOptions().locale;
  if ((await storage.getItem('whenabouts.credential')) === null) {
    const platform = Platform.OS === 'ios' ? 'ios' : 'android';
    await whenabouts.register({platform, target, time_zone: zone, locale, customer_token: customerToken});
  } else {
    await whenabouts.change({target, time_zone: zone, locale, customer_token: customerToken});
  }
  // With Firebase installation ids switched on, listen to `onRegistered` instead and send {kind: 'fid', value: id}.
  onTokenRefresh(getMessaging(), value => void whenabouts.change({target: {kind: 'token', value}}));
  await queue.flush();
}

/** Call with what your own screen showed and the person tapped; the system's dialogs follow, never lead. */
export async function allow(purposes: Purpose[], wording: string, wordingVersion: string, locale: string): Promise<void> {
  const occurredAt = new Date().toISOString();
  const entries = purposes.map((purpose): Consent => ({
    purpose,
    granted: true,
    wording,
    wording_version: wordingVersion,
    locale,
    source: 'onboarding',
    occurred_at: occurredAt,
  }));
  await whenabouts.consent(entries);
  if (purposes.includes('push')) {
    const status = await requestPermission(getMessaging());
    await whenabouts.change({push_permission: status > 0 ? 'granted' : 'denied'});
  }
  if (purposes.includes('location')) await Location.requestForegroundPermissionsAsync();
  if (purposes.includes('background_location')) {
    const {granted} = await Location.requestBackgroundPermissionsAsync(); // Android and iOS ask for "always" only now
    if (granted) await watchNearbyFences();
  }
}

/** Lets the phone watch the nearest fences itself: exact enough for a hint, and nearly free of battery. */
export async function watchNearbyFences(): Promise<void> {
  const {coords} = await Location.getCurrentPositionAsync({accuracy: Location.Accuracy.Balanced});
  const nearby = await whenabouts.nearby(coords.latitude, coords.longitude);
  const regions = nearby.data.slice(0, 19).map(fence => ({
    identifier: fence.geofence,
    latitude: fence.circle.latitude,
    longitude: fence.circle.longitude,
    radius: Math.max(fence.circle.radius_m, 100), // phones are not surer than this; the service decides exactly
  }));
  // Leaving this circle means that the list has grown stale.
  const here = {identifier: 'here', latitude: coords.latitude, longitude: coords.longitude, radius: Math.min(Math.max(nearby.valid_within_m, 100), 50_000), notifyOnEnter: false};
  await Location.startGeofencingAsync(FENCES, [...regions, here]);
}

/** The phone's hint is only the reason to look: the service gets the fixes and tells entering from passing by. */
TaskManager.defineTask<{region: Location.LocationRegion}>(FENCES, async ({data, error}) => {
  if (error) return;
  lookUntil = Date.now() + 180_000; // a few good fixes over three minutes: it believes two that agree sooner than one
  await Location.startLocationUpdatesAsync(LOOK, {accuracy: Location.Accuracy.High, timeInterval: 20_000, distanceInterval: 0});
  if (data.region.identifier === 'here') await watchNearbyFences();
});

let lookUntil = 0;

TaskManager.defineTask<{locations: Location.LocationObject[]}>(LOOK, async ({data, error}) => {
  const location = data?.locations.at(-1);
  if (!error && location) await keep(location);
  if (Date.now() > lookUntil) await Location.stopLocationUpdatesAsync(LOOK);
});

async function keep({coords, timestamp, mocked}: Location.LocationObject): Promise<void> {
  await queue.add({
    latitude: coords.latitude,
    longitude: coords.longitude,
    accuracy_m: coords.accuracy ?? 100,
    occurred_at: new Date(timestamp).toISOString(),
    speed_mps: coords.speed,
    background: true,
    is_mock: mocked ?? false,
  });
}

// The data of a push
async function arrived(message: RemoteMessage): Promise<void> {
  const {decision_id: decisionId} = message.data ?? {};
  if (typeof decisionId === 'string') await whenabouts.answer('delivered', decisionId);
}

async function opened(message: RemoteMessage | null): Promise<void> {
  const {decision_id: decisionId, deep_link: deepLink} = message?.data ?? {};
  if (typeof decisionId !== 'string') return;
  await whenabouts.answer('opened', decisionId);
  if (typeof deepLink === 'string' && deepLink !== '') await Linking.openURL(deepLink);
}

onNotificationOpenedApp(getMessaging(), message => void opened(message)); // the app was in the background
void getInitialNotification(getMessaging()).then(opened); // the push started the app
onMessage(getMessaging(), arrived); // the app is in front, and shows the push in its own way
setBackgroundMessageHandler(getMessaging(), arrived); // the system shows the notification itself
