// Carries out valid requests on the swarms (requests/responder.ts) and writes the responses: the stage that
// owns or locks the tables. Called by handle.ts in a socket worker that answers by itself, and by
// request-worker.ts for requests from a channel.

import { swapBytes } from '../../memory/byte-order.ts'
import { byStatus, countersByNotKept, countersByStatus } from '../../requests/refusals.ts'
import { SwarmResponder } from '../../requests/responder.ts'
import { ANNOUNCED } from '../../swarm/status.ts'
import type { Table } from '../../swarm/table/table.ts'
import { INFO_HASH_WORDS } from '../../swarm/table/torrents.ts'
import { ERROR_BYTES_MAX } from '../wire/layout.ts'
import type { Request } from '../wire/request.ts'
import {
  errorText,
  writeAnnounceHead,
  writeError,
  writePeersIPv4,
  writePeersIPv6,
  writeScrapeEntry,
  writeScrapeHead,
} from '../wire/serialize.ts'
import { FAMILY_COUNTERS, RESPONSES_ANNOUNCE, RESPONSES_ERROR } from './counters.ts'

/** Takes valid requests: answers them at once (Responder), or passes them to the owner (Forwarder). */
export interface Requests {
  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void
  /**
   * Carries out an announce and writes the response; returns its bytes, 0 if there is none yet. If clients are
   * counted, at least the first two words of the peer id must follow the info hash, as in the packet.
   */
  announce(request: Request): number
  /** The same for a scrape. The caller counts it. */
  scrape(request: Request): number
}

const ERRORS = byStatus(({ text }) => errorText(text))
const REASONS = countersByStatus(FAMILY_COUNTERS)
const NOT_KEPT = countersByNotKept(FAMILY_COUNTERS)

export class Responder extends SwarmResponder<Request> implements Requests {
  // HOT: no allocation below this line.

  scrape(request: Request): number {
    const { words, out, to, peer } = request
    const { swarms } = this
    let size = 0
    writeScrapeHead(out, to, request.transaction)
    for (let i = 0; i < request.infoHashCount; i++) {
      this.count(peer.ipv4, words, request.infoHashes + i * INFO_HASH_WORDS)
      size = writeScrapeEntry(out, to, i, swarms.seeders, swarms.completed, swarms.leechers)
    }
    return size
  }

  protected override announced(request: Request, status: number, table: Table): number {
    const { out, to, transaction, family } = request
    if (status !== ANNOUNCED) this.counts[family + NOT_KEPT[status]]++
    this.counts[family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, choice } = this.swarms
    const interval = swapBytes(this.toldInterval())
    const { runs, runCount } = choice
    writeAnnounceHead(out, to, transaction, interval, leechers, seeders)
    return request.peer.ipv4
      ? writePeersIPv4(out, to, table.words, runs, runCount)
      : writePeersIPv6(out, to, table.words, runs, runCount)
  }

  protected override refused(request: Request, status: number): number {
    const { family, transaction, out, to } = request
    this.counts[family + REASONS[status]]++
    this.counts[family + RESPONSES_ERROR]++
    return writeError(out, to, transaction, ERRORS[status], ERROR_BYTES_MAX)
  }
}
