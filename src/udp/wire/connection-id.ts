// Connection ids: proof that a client receives what is sent to its address (BEP 15). One instance per socket
// worker, all with the same key; used by handle.ts. Ids are not stored.
//
//  0:2 time of issue, modulo 65,536 │ 2:6 keyed hash of that time and the source address
//
// The threat: an attacker forges another's address, to have large answers sent there or peers registered there.
// He never sees an id for that address, so he has to guess 48 bits while an id is valid. The hash is
// HalfSipHash-2-4 with a 64-bit key. Since anyone can ask for ids and search for the key that made them, the
// key is replaced every 68 minutes by one that SHA-256 derives from a secret of 256 bits: a search through 2^64
// keys would have to finish within that time and the age of an id.
//
// There are two forms, by `max_connection_age`:
//  short  up to 4,000 s: the time is in seconds
//  long   up to a day, in which such a search is within reach of a thousand machines. So another 64 bits of
//         the derived key are hashed before the message: a search is through 2^128. The time is in units of two
//         seconds, since a day has more than 65,536 seconds.
// Ids of one form are invalid in the other, so a setting that crosses the border makes clients connect again.
//
// An id is bound to the address, not to the port: clients use one id from several sockets. All workers share
// the secret, because the kernel may give a client's next packet to another worker. Seconds come from the
// monotonic clock, so that setting the wall clock does not invalidate ids.
//
// Several trackers behind one address may share a secret ([protocol] connection_id_secret_path), because routers and
// balancers give a client's next packet to another tracker. Seconds then come from the wall clock, and ids may be some
// seconds ahead, as far as the clocks of two machines differ.
import { createHash } from 'node:crypto'
import { macWords } from '../../memory/half-sip-hash.ts'
import type { Peer } from '../../swarm/peers/peer.ts'

/** Seconds for which a key is used, as a power of two. */
const KEY_SHIFT = 12
const KEY_SEC = 1 << KEY_SHIFT
/** A power of two that holds the keys of a day, of the present one, and of the next one. */
const KEY_SLOTS = 32
/** What HalfSipHash takes as its key, and what the long form hashes before the message. */
const KEY_WORDS = 2
const FURTHER_KEY_WORDS = 2
const SLOT_WORDS = KEY_WORDS + FURTHER_KEY_WORDS

const SHORT_AGE_SEC_MAX = 4000
/** In the long form the time is in units of so many seconds, as a power of two. */
const LONG_UNIT_SHIFT = 1
export const CONNECTION_AGE_SEC_MAX = 86_400
/** Anyone can ask for ids and search for the secret that made them: in hexadecimal digits, these are 128 bits. */
export const SHARED_SECRET_CHARACTERS_MIN = 32
/** Of two trackers that share a secret. Machines that ask time servers differ by milliseconds. */
export const CLOCKS_DIFFER_SEC_MAX = 10

export class ConnectionIds {
  /** Whether other machines have the secret; the time is then the wall clock's. */
  readonly isShared: boolean
  /** The two words of the id that `issue` made. */
  id0 = 0
  id1 = 0
  private readonly secret: Uint8Array
  /** In units of the time. */
  private maxAge = 0
  /** Of the present form: a unit's seconds as a power of two, and where in `message` the hash begins. */
  private unitShift = 0
  private begin = FURTHER_KEY_WORDS
  /** How far ahead an id may be. One: another worker may have read the clock just before this one. */
  private aheadMax = 1
  private now = -1
  private epoch = -1
  /** How many epochs an id can outlive. */
  private pastEpochs = 1
  /** The keys of these epochs, of the present one, and of the next one. */
  private readonly keys = new Int32Array(KEY_SLOTS * SLOT_WORDS)
  /** Further key words, time, address. */
  private readonly message = new Int32Array(FURTHER_KEY_WORDS + 5)
  private readonly hash = new Int32Array(2)

  constructor(secret: Uint8Array, maxAge: number, isShared = false) {
    this.secret = secret.slice()
    this.isShared = isShared
    this.setMaxAge(maxAge)
  }

  /** In seconds. Also at runtime. */
  setMaxAge(maxAge: number): void {
    const isLong = maxAge > SHORT_AGE_SEC_MAX
    this.unitShift = isLong ? LONG_UNIT_SHIFT : 0
    this.begin = isLong ? 0 : FURTHER_KEY_WORDS
    this.maxAge = Math.ceil(maxAge / (1 << this.unitShift))
    this.aheadMax = this.isShared ? CLOCKS_DIFFER_SEC_MAX >> this.unitShift : 1
    this.pastEpochs = Math.ceil(maxAge / KEY_SEC)
    if (this.now >= 0) this.makeKeys()
  }

  /** Sets the time (seconds); when an epoch begins, also makes new keys. */
  setTime(now: number): void {
    this.now = now
    const epoch = now >>> KEY_SHIFT
    if (epoch === this.epoch) return
    this.epoch = epoch
    this.makeKeys()
  }

  private makeKeys(): void {
    for (let e = this.epoch - this.pastEpochs; e <= this.epoch + 1; e++) {
      this.keys.set(this.keyOf(e), (e & (KEY_SLOTS - 1)) * SLOT_WORDS)
    }
  }

  private keyOf(epoch: number): Int32Array {
    const digest = createHash('sha256').update(this.secret).update(`epoch ${epoch}`).digest()
    return Int32Array.from({ length: SLOT_WORDS }, (_, i) => digest.readInt32LE(i * 4))
  }

  // HOT: no allocation below this line.

  /** Writes an id for the address of a peer to `id0` and `id1`. */
  issue(peer: Peer): void {
    const time = this.now >>> this.unitShift
    this.computeHash(time, peer)
    this.id0 = (time & 0xffff) | (this.hash[0] << 16)
    this.id1 = this.hash[1]
  }

  /** True if the id was made for this address at most `max_connection_age` seconds ago. */
  verify(id0: number, id1: number, peer: Peer): boolean {
    const time = this.now >>> this.unitShift
    const age = ((time + this.aheadMax - id0) & 0xffff) - this.aheadMax
    if (age > this.maxAge) return false
    this.computeHash(time - age, peer)
    // Both parts are compared at once, so that the time taken does not reveal how much of a guess was right.
    return (((this.hash[0] << 16) ^ (id0 & 0xffff0000)) | (this.hash[1] ^ id1)) === 0
  }

  private computeHash(time: number, peer: Peer): void {
    const { message, keys, begin } = this
    const at = ((time >> (KEY_SHIFT - this.unitShift)) & (KEY_SLOTS - 1)) * SLOT_WORDS
    message[0] = keys[at + KEY_WORDS]
    message[1] = keys[at + KEY_WORDS + 1]
    message[2] = time
    message[3] = peer.a0
    message[4] = peer.a1
    message[5] = peer.a2
    message[6] = peer.a3
    const words = FURTHER_KEY_WORDS - begin + (peer.ipv4 ? 2 : 5)
    macWords(message, begin, words, keys[at], keys[at + 1], this.hash)
  }
}
