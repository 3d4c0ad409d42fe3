// The key of an announce over UDP: in the path that clients add behind it (BEP 41). Asked by handle.ts for each
// announce, where a key is asked for. One per socket worker.
import type { KeyGate } from '../../access-keys/gate.ts'
import { KEY_BYTES_MAX } from '../../access-keys/key-hash.ts'
import { PathKey } from '../../access-keys/path.ts'
import { readPath } from '../wire/options.ts'
import type { Request } from '../wire/request.ts'

/** The longest path that has a key, and what shows where it ends; a query needs no room. */
const PATH_BYTES_MAX = '/announce/'.length + KEY_BYTES_MAX + 1

export class AnnounceKey {
  readonly gate: KeyGate
  private readonly path = new Uint8Array(PATH_BYTES_MAX)
  private readonly key = new PathKey()

  constructor(gate: KeyGate) {
    this.gate = gate
  }

  // HOT: no allocation below this line.

  /** A verdict of access-keys/verdict.ts. */
  check({ words, at, bytes, peer }: Request): number {
    const { path, key } = this
    key.find(path, 0, readPath(words, at, bytes, path))
    return this.gate.check(peer, path, key.from, key.to)
  }
}
