// Answers scrapes with the counts of the torrents in a request. Called by handle.ts for each. Owns the table in
// which it finds repeated info hashes.
import type { Swarms } from '../../swarm/swarm.ts'
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { HASH_WORDS, type Request } from '../wire/request.ts'
import { beginScrape, endScrape, writeFile, writeFileName } from '../wire/serialize.ts'
import type { Writer } from '../wire/writer.ts'
import { sameId } from './memberships.ts'

export class Scraper {
  private readonly swarms: Swarms
  /** Info hashes of the current request, by their hash: the index in its list plus one, 0 = free. */
  private readonly seen: Int32Array

  /** `torrentsMax`: the most info hashes of a request. */
  constructor(swarms: Swarms, torrentsMax: number) {
    this.swarms = swarms
    this.seen = new Int32Array(2 ** Math.ceil(Math.log2(torrentsMax * 2)))
  }

  // HOT: no allocation below this line.

  /** Writes the response, with each torrent once, since a JSON object must not repeat a key. */
  write(writer: Writer, request: Request): void {
    const { hashes, hashCount } = request
    if (hashCount > 1) this.seen.fill(0)
    beginScrape(writer)
    for (let i = 0; i < hashCount; i++) {
      const hash = hashInfoHash(this.swarms.websocket[0], hashes, i * HASH_WORDS)
      if (hashCount > 1 && this.isRepeated(hashes, i, hash)) continue
      this.writeTorrent(writer, request, i * HASH_WORDS, hash)
    }
    endScrape(writer)
  }

  /** Whether an info hash is also in the list before `index`. The hash is keyed, so chains are short. */
  private isRepeated(hashes: Int32Array, index: number, hash: number): boolean {
    const { seen } = this
    const mask = seen.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const other = seen[slot] - 1
      if (other < 0) {
        seen[slot] = index + 1
        return false
      }
      if (sameId(hashes, other * HASH_WORDS, hashes, index * HASH_WORDS)) return true
    }
  }

  /** `at`: of the info hash, in the request's list. */
  private writeTorrent(writer: Writer, request: Request, at: number, hash: number): void {
    const { swarms } = this
    const { hashes } = request
    writeFileName(writer, request, at)
    if (swarms.access.forbids(hashes, at, hash)) {
      writeFile(writer, 0, 0, 0)
      return
    }
    const table = swarms.websocketTableOf(hash)
    table.lock()
    swarms.scrape(table, hashes, at, hash)
    table.unlock()
    writeFile(writer, swarms.seeders, swarms.leechers, swarms.completed)
  }
}
