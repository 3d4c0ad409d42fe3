// Connection ids: proof that a client receives what is sent to its address (BEP 15). One instance per socket
// worker, all with the same key; used by handle.ts. Ids are not stored.
//
//  0:2 second of issue, modulo 65,536 │ 2:6 keyed hash of that second and the source address
//
// The threat: an attacker forges another's address, to have large answers sent there or peers registered there.
// He never sees an id for that address, so he has to guess 48 bits while an id is valid. The hash is
// HalfSipHash-2-4 with a 64-bit key. Since anyone can ask for ids and search for the key that made them, the
// key is replaced every 68 minutes by one that SHA-256 derives from a secret of 256 bits: a search through 2^64
// keys would have to finish within that time.
//
// An id is bound to the address, not to the port: clients use one id from several sockets. All workers share
// the secret, because the kernel may give a client's next packet to another worker. Seconds come from the
// monotonic clock, so that setting the wall clock does not invalidate ids.
import { createHash } from 'node:crypto'
import { macWords } from '../../memory/half-sip-hash.ts'
import type { Peer } from '../../swarm/peers/peer.ts'

/** Seconds for which a key is used, as a power of two; `max_connection_age` must stay below it. */
const KEY_SHIFT = 12
const KEY_SLOTS = 4

export class ConnectionIds {
  /** The two words of the id that `issue` made. */
  id0 = 0
  id1 = 0
  private readonly secret: Uint8Array
  private maxAge = 0
  private now = -1
  private epoch = -1
  /** Two words for each of four epochs: the previous, the current, the next, and an unused one. */
  private readonly keys = new Int32Array(KEY_SLOTS * 2)
  private readonly message = new Int32Array(5)
  private readonly hash = new Int32Array(2)

  constructor(secret: Uint8Array, maxAge: number) {
    this.secret = secret.slice()
    this.maxAge = maxAge
  }

  /** In seconds. Also at runtime. */
  setMaxAge(maxAge: number): void {
    this.maxAge = maxAge
  }

  /** Sets the time (seconds); when an epoch begins, also makes new keys. */
  setTime(now: number): void {
    this.now = now
    const epoch = now >>> KEY_SHIFT
    if (epoch === this.epoch) return
    this.epoch = epoch
    for (let e = epoch - 1; e <= epoch + 1; e++) {
      this.keys.set(this.keyOf(e), (e & (KEY_SLOTS - 1)) * 2)
    }
  }

  private keyOf(epoch: number): Int32Array {
    const digest = createHash('sha256').update(this.secret).update(`epoch ${epoch}`).digest()
    return Int32Array.of(digest.readInt32LE(0), digest.readInt32LE(4))
  }

  // HOT: no allocation below this line.

  /** Writes an id for the address of a peer to `id0` and `id1`. */
  issue(peer: Peer): void {
    const now = this.now
    this.computeHash(now, peer)
    this.id0 = (now & 0xffff) | (this.hash[0] << 16)
    this.id1 = this.hash[1]
  }

  /** True if the id was made for this address at most `max_connection_age` seconds ago. */
  verify(id0: number, id1: number, peer: Peer): boolean {
    // −1 is allowed: another worker may have read the clock just before this one.
    const age = ((this.now + 1 - id0) & 0xffff) - 1
    if (age > this.maxAge) return false
    this.computeHash(this.now - age, peer)
    // Both parts are compared at once, so that the time taken does not reveal how much of a guess was right.
    return (((this.hash[0] << 16) ^ (id0 & 0xffff0000)) | (this.hash[1] ^ id1)) === 0
  }

  private computeHash(second: number, peer: Peer): void {
    const message = this.message
    message[0] = second
    message[1] = peer.a0
    message[2] = peer.a1
    message[3] = peer.a2
    message[4] = peer.a3
    const at = ((second >>> KEY_SHIFT) & (KEY_SLOTS - 1)) * 2
    macWords(message, 0, peer.ipv4 ? 2 : 5, this.keys[at], this.keys[at + 1], this.hash)
  }
}
