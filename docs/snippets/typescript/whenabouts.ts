// A small client of the Whenabouts API for React Native: one device, its person's consents, places and answers.
// It needs nothing but `fetch`, the packages `uuid` and `react-native-get-random-values`, and somewhere to keep text.
import 'react-native-get-random-values';
import {v7 as uuidv7} from 'uuid';

/** Where credential and queue outlive the process; keep the credential in the keychain (expo-secure-store or alike). */
export interface Storage {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<void>;
  removeItem(key: string): Promise<void>;
}

/** The service said no. `code` is stable (see /docs/errors of your service); `status` 0 means that nobody answered. */
export class WhenaboutsError extends Error {
  constructor(readonly status: number, readonly code: string, detail: string, readonly retryAfterS: number | null = null) {
    super(detail);
  }

  /** True where the same request may succeed later; false where it never will. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Whenabouts {
  constructor(private readonly url: string, private readonly appKey: string, private readonly storage: Storage) {}

  // POST /v1/devices
  /** Registers this install. The credential is shown once; it speaks for this device and nobody else from now on. */
  async register(device: NewDevice): Promise<RegisteredDevice> {
    const registered = await this.call<RegisteredDevice>('POST', '/v1/devices', device);
    await this.storage.setItem(CREDENTIAL, registered.credential);
    return registered;
  }

  // PATCH /v1/devices/me
  /** Tells what changed: a new FCM target, the phone's push permission, or who has just signed in (`customer_token`). */
  async change(device: DeviceChange): Promise<void> {
    await this.call('PATCH', '/v1/devices/me', device);
  }

  // DELETE /v1/devices/me
  /** Signs out: the credential ends and no push comes to this phone any more. */
  async signOut(): Promise<void> {
    await this.call('DELETE', '/v1/devices/me');
    await this.forget();
  }

  // POST /v1/consents
  /** Records what the person said, with exactly the words they read. A withdrawal has acted when this returns. */
  async consent(entries: Consent[]): Promise<void> {
    await this.call('POST', '/v1/consents', {entries});
  }

  // GET /v1/consents
  async consents(): Promise<Ledger> {
    return this.call<Ledger>('GET', '/v1/consents');
  }

  // POST /v1/locations
  /** Sends 1 to 100 fixes. What comes back is committed; a fix sent again counts as a duplicate and changes nothing. */
  async locate(fixes: Fix[]): Promise<Receipt> {
    return this.call<Receipt>('POST', '/v1/locations', {fixes});
  }

  // POST /v1/events
  /** Says what became of a push: `delivered`, `opened`, `dismissed`, `redeemed` or `not_for_me`. */
  async answer(type: Answer, decisionId: string): Promise<void> {
    const event: AnswerEvent = {event_id: uuidv7(), type, occurred_at: new Date().toISOString(), decision_id: decisionId};
    await this.call('POST', '/v1/events', {events: [event]});
  }

  // GET /v1/geofences/nearby
  /** Circles to let the phone watch (iOS takes 20, Android 100), each around one fence, valid until the person has moved `valid_within_m`. */
  async nearby(latitude: number, longitude: number): Promise<Nearby> {
    return this.call<Nearby>('GET', `/v1/geofences/nearby?latitude=${latitude}&longitude=${longitude}&limit=20`);
  }

  // GET /v1/preferences
  async preferences(): Promise<Preferences> {
    return this.call<Preferences>('GET', '/v1/preferences');
  }

  // PUT /v1/preferences
  /** Replaces all of them: read first, change, put. */
  async setPreferences(preferences: Preferences): Promise<void> {
    await this.call('PUT', '/v1/preferences', preferences);
  }

  // GET /v1/me/decisions
  /** Why each push came, and why none did, in sentences to show to the person. */
  async decisions(cursor?: string): Promise<Decisions> {
    return this.call<Decisions>('GET', `/v1/me/decisions?limit=20${cursor ? `&cursor=${cursor}` : ''}`);
  }

  // DELETE /v1/me
  /** Erases the person and everything known of them. */
  async erase(): Promise<void> {
    await this.call('DELETE', '/v1/me');
    await this.forget();
  }

  // Problem documents
  private async call<T = unknown>(method: string, path: string, body?: object): Promise<T> {
    const credential = (await this.storage.getItem(CREDENTIAL)) ?? this.appKey;
    const headers: Record<string, string> = {Authorization: `Bearer ${credential}`};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const {response, text} = await answer(this.url + path, {method, headers, body: body && JSON.stringify(body)});
    if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
    throw problem(response, text);
  }

  private async forget(): Promise<void> {
    await this.storage.removeItem(CREDENTIAL);
    await this.storage.removeItem(QUEUE);
  }
}

async function answer(url: string, init: RequestInit): Promise<{response: Response; text: string}> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 20_000);
  try {
    const response = await fetch(url, {...init, signal: patience.signal});
    return {response, text: await response.text()};
  } catch (cause) {
    throw new WhenaboutsError(0, 'unreachable', String(cause));
  } finally {
    clearTimeout(timer);
  }
}

function problem(response: Response, text: string): WhenaboutsError {
  let document: Partial<Problem> = {};
  try {
    document = JSON.parse(text) as Problem;
  } catch {
    // A proxy on the way may answer with anything.
  }
  const wait = Number(response.headers.get('Retry-After'));
  return new WhenaboutsError(response.status, document.code ?? 'error', document.detail ?? text, wait > 0 ? wait : null);
}

// POST /v1/locations
/** Fixes wait here, in storage, until the service has committed them: a tunnel or a dead battery loses none. */
export class LocationQueue {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly client: Whenabouts, private readonly storage: Storage) {}

  /** Keeps a fix and tries to send all that wait. The id is made once, here, so that sending twice is harmless. */
  async add(fix: Omit<Fix, 'event_id'>): Promise<void> {
    await this.change(waiting => [...waiting, {event_id: uuidv7(), ...fix}]);
    await this.flush();
  }

  /** Sends what waits, oldest first. Call it at the start of the app, and when the network returns. */
  async flush(): Promise<void> {
    for (let waiting = await this.change(all => all); waiting.length > 0; ) {
      const batch = waiting.slice(0, 100);
      try {
        await this.client.locate(batch);
      } catch (error) {
        if (!(error instanceof WhenaboutsError) || error.isTemporary) return; // they stay until the next flush
        // Refused for good, above all `consent_missing`: nothing was stored there, and nothing may stay here.
      }
      const sent = new Set(batch.map(fix => fix.event_id));
      waiting = await this.change(all => all.filter(fix => !sent.has(fix.event_id)));
    }
  }

  /** Reads, changes and stores, one caller at a time: what one adds, another must not overwrite. */
  private change(work: (waiting: Fix[]) => Fix[]): Promise<Fix[]> {
    const next = this.last.then(async () => {
      const stored = JSON.parse((await this.storage.getItem(QUEUE)) ?? '[]') as Fix[];
      const oldest = new Date(Date.now() - DAY_MS).toISOString();
      const waiting = work(stored.filter(fix => fix.occurred_at > oldest)); // older ones would be rejected as `too_old`
      await this.storage.setItem(QUEUE, JSON.stringify(waiting));
      return waiting;
    });
    this.last = next.catch(() => undefined);
    return next;
  }
}

// Beside the API
const CREDENTIAL = 'whenabouts.credential';
const QUEUE = 'whenabouts.queue';
const DAY_MS = 24 * 60 * 60 * 1000;

// POST /v1/devices
export interface NewDevice {
  platform: 'android' | 'ios';
  target: Target;
  locale?: string;
  time_zone?: string;
  app_version?: string;
  push_permission?: 'granted' | 'denied' | 'unknown';
  customer_token?: string;
}

export interface Target {
  kind: 'token' | 'fid';
  value: string;
}

export interface RegisteredDevice {
  device_id: string;
  customer_id: string;
  credential: string;
}

// PATCH /v1/devices/me
export interface DeviceChange {
  target?: Target;
  locale?: string;
  time_zone?: string;
  app_version?: string;
  push_permission?: 'granted' | 'denied' | 'unknown';
  customer_token?: string;
}

// POST /v1/consents
export interface Consent {
  purpose: Purpose;
  granted: boolean;
  wording: string;
  wording_version: string;
  locale: string;
  source: string;
  occurred_at: string;
}

export type Purpose = 'push' | 'location' | 'background_location' | 'habits' | 'purchases';

// GET /v1/consents
export interface Ledger {
  current: Record<Purpose, {granted: boolean; since: string | null}>;
}

// POST /v1/locations
export interface Fix {
  event_id: string;
  latitude: number;
  longitude: number;
  accuracy_m: number;
  occurred_at: string;
  speed_mps?: number | null;
  background?: boolean;
  is_mock?: boolean;
}

export interface Receipt {
  accepted: number;
  duplicates: number;
  rejected: {event_id: string; code: string}[];
  transitions: {geofence: string; type: 'enter' | 'dwell' | 'exit'; occurred_at: string}[];
}

// POST /v1/events
export interface AnswerEvent {
  event_id: string;
  type: Answer;
  occurred_at: string;
  decision_id: string;
}

export type Answer = 'delivered' | 'opened' | 'dismissed' | 'redeemed' | 'not_for_me';

// GET /v1/geofences/nearby
export interface Nearby {
  data: {geofence: string; circle: {latitude: number; longitude: number; radius_m: number}}[];
  valid_within_m: number;
}

// PUT /v1/preferences
export interface Preferences {
  quiet_hours: {days: string[]; from: string; to: string}[];
  max_per_week: number | null;
  paused_until: string | null;
  muted_kinds: string[];
  traits: string[];
  interests: string[];
}

// GET /v1/me/decisions
export interface Decisions {
  data: {
    id: string;
    decided_at: string;
    outcome: 'send' | 'hold' | 'silence';
    offer: string | null;
    reasons: {code: string; text: string; would_change: string | null}[];
  }[];
  next_cursor: string | null;
}

// Problem documents
interface Problem {
  code: string;
  detail: string;
}
