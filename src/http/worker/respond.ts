// Carries out valid announces and scrapes on the swarms (requests/responder.ts) and writes the answers,
// refusals included. Called by handle.ts; functions that write an answer return where it ends.
import {
  byNotKept,
  byStatus,
  countersByNotKept,
  countersByStatus,
} from '../../requests/refusals.ts'
import { SwarmResponder } from '../../requests/responder.ts'
import { STRIDE_IPV4, STRIDE_IPV6 } from '../../swarm/layout.ts'
import { ANNOUNCED } from '../../swarm/status.ts'
import type { Table } from '../../swarm/table/table.ts'
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { INFO_HASH_WORDS } from '../wire/layout.ts'
import { order, orderInfoHashes } from '../wire/order.ts'
import type { HttpRequest } from '../wire/request.ts'
import {
  beginAnswer,
  endAnswer,
  failureText,
  warningText,
  writeCounts,
  writeFailure,
  writeIntervals,
  writePeerList,
  writePeersIPv4,
  writePeersIPv6,
  writeScrapeCounts,
  writeScrapeEnd,
  writeScrapeHash,
  writeScrapeHead,
  writeWarning,
} from '../wire/serialize.ts'
import {
  FAMILY_COUNTERS,
  RESPONSES_ANNOUNCE,
  RESPONSES_FAILURE,
  RESPONSES_SCRAPE,
} from './counters.ts'

const FAILURES = byStatus(({ text }) => failureText(text))
const REASONS = countersByStatus(FAMILY_COUNTERS)
const NOT_KEPT = countersByNotKept(FAMILY_COUNTERS)
const WARNINGS = byNotKept(({ text }) => warningText(text))

const MINUTE_SEC = 60

export class Responder extends SwarmResponder<HttpRequest> {
  private minInterval = 0

  /** In seconds. Also at runtime. */
  setIntervals(interval: number, minInterval: number, jitterPercent: number): void {
    this.setInterval(interval, jitterPercent)
    this.minInterval = minInterval
  }

  // HOT: no allocation below this line.

  override announce(request: HttpRequest): number {
    const { announce } = request
    announce.infoHash = 0
    announce.hash = hashInfoHash(this.swarms.ipv4[0], announce.source, 0)
    return super.announce(request)
  }

  scrape(request: HttpRequest): number {
    const { words, out } = request
    const swarms = this.swarms
    const count = orderInfoHashes(words, request.infoHashCount)
    let at = writeScrapeHead(out, beginAnswer(request))
    for (let i = 0; i < count; i++) {
      const infoHash = order[i] * INFO_HASH_WORDS
      at = writeScrapeHash(out, at, words, infoHash)
      this.count(request.source.ipv4, words, infoHash)
      at = writeScrapeCounts(out, at, swarms.seeders, swarms.completed, swarms.leechers)
    }
    this.counts[request.family + RESPONSES_SCRAPE]++
    return endAnswer(request, writeScrapeEnd(out, at, this.minInterval))
  }

  /** Refuses a request for a reason that may be temporary. */
  refuse(request: HttpRequest, reason: number, text: Uint8Array): number {
    const minutes = Math.ceil(this.refusedInterval() / MINUTE_SEC)
    return this.fail(request, reason, text, minutes)
  }

  /** Refuses a request that will never be valid. */
  refuseForGood(request: HttpRequest, reason: number, text: Uint8Array): number {
    return this.fail(request, reason, text, 0)
  }

  /** Refuses a request for so many minutes. Clients that do not know `retry in` obey the interval, or neither. */
  refuseFor(request: HttpRequest, reason: number, text: Uint8Array, minutes: number): number {
    return this.fail(request, reason, text, minutes, minutes * MINUTE_SEC)
  }

  private fail(
    request: HttpRequest,
    reason: number,
    text: Uint8Array,
    minutes: number,
    interval = this.refusedInterval(),
  ): number {
    const { family } = request
    this.counts[family + reason]++
    this.counts[family + RESPONSES_FAILURE]++
    return writeFailure(request, text, interval, minutes)
  }

  protected override announced(request: HttpRequest, status: number, table: Table): number {
    const { out, family } = request
    if (status !== ANNOUNCED) this.counts[family + NOT_KEPT[status]]++
    this.counts[family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, completed, choice } = this.swarms
    const { runs, runCount } = choice
    const interval = this.toldInterval()
    const minInterval = this.minInterval < interval ? this.minInterval : interval
    let at = writeCounts(request, beginAnswer(request), seeders, leechers, completed)
    at = writeIntervals(out, at, interval, minInterval)
    const { ipv4 } = request.announce.peer
    const memory = table.words
    if (!request.compact) {
      const stride = ipv4 ? STRIDE_IPV4 : STRIDE_IPV6
      at = writePeerList(out, at, memory, runs, runCount, stride)
    } else if (ipv4) at = writePeersIPv4(out, at, memory, runs, runCount)
    else at = writePeersIPv6(out, at, memory, runs, runCount)
    return endAnswer(request, status === ANNOUNCED ? at : writeWarning(out, at, WARNINGS[status]))
  }

  protected override refused(request: HttpRequest, status: number): number {
    return this.refuse(request, REASONS[status], FAILURES[status])
  }
}
