// Answers scrapes with the counts of the torrents in a request. Called by handle.ts for each. Owns the table in
// which it finds repeated info hashes.
import type { Swarms } from '../../swarm/swarm.ts'
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { HASH_TEXT, HASH_TEXT_END, HASH_WORDS, type Request } from '../wire/request.ts'
import { scrapeFile, scrapeResponse } from '../wire/serialize.ts'
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

  /** The response, with each torrent once, since a JSON object must not repeat a key. */
  response(request: Request): string {
    const { hashes, hashCount } = request
    if (hashCount > 1) this.seen.fill(0)
    let files = ''
    for (let i = 0; i < hashCount; i++) {
      const hash = hashInfoHash(this.swarms.websocket[0], hashes, i * HASH_WORDS)
      if (hashCount > 1 && this.isRepeated(hashes, i, hash)) continue
      files += (i === 0 ? '' : ',') + this.file(request, i * HASH_WORDS, hash)
    }
    return scrapeResponse(files)
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
  private file({ hashes, text }: Request, at: number, hash: number): string {
    const { swarms } = this
    const infoHash = text.slice(hashes[at + HASH_TEXT], hashes[at + HASH_TEXT_END])
    if (swarms.access.forbids(hashes, at, hash)) return scrapeFile(infoHash, 0, 0, 0)
    const table = swarms.websocketTableOf(hash)
    table.locked(() => swarms.scrape(table, hashes, at, hash))
    return scrapeFile(infoHash, swarms.seeders, swarms.leechers, swarms.completed)
  }
}
