// Request workers and a socket worker, without a tracker around them: who answers, counts and measures what.
import { expect, test } from 'bun:test'
import { countOf } from '../../../src/metrics/histogram.ts'
import { libc } from '../../../src/os/ffi.ts'
import { createLinks } from '../../../src/udp/pipeline/links.ts'
import { closeEnds, openEnd, packetOf, receiveSome } from '../../os/batch-pair.ts'
import {
  announceRequest,
  infoHash,
  readAnnounce,
  readScrape,
  scrapeRequest,
} from '../../support/packets.ts'
import { connectionId, HOST, LoneWorkers, type Started, send } from '../lone-workers.ts'

const SOCKET_SLOT = 0
const ANNOUNCES = 20

test.each([1, 2])('%d of them answer what a socket worker passes on', async (requestWorkers) => {
  const links = createLinks(1, requestWorkers)
  const socket = openEnd(HOST)
  const opened = [socket]
  const workers = new LoneWorkers()
  const started: Started[] = []
  try {
    for (let i = 0; i < requestWorkers; i++) {
      started.push(await workers.startRequestWorker(1 + i, i, links))
    }
    started.push(await workers.startSocketWorker(SOCKET_SLOT, [socket], 64, links))
    const id = connectionId()
    /** Sends all at once, and returns as many answers, in any order. */
    const ask = (packets: readonly Buffer[]): Buffer[] => {
      const client = send(socket, packets)
      opened.push(client)
      const answers: Buffer[] = []
      while (answers.length < packets.length) {
        const received = receiveSome(client, 64)
        for (let i = 0; i < received; i++) {
          answers.push(packetOf(client, i))
          client.batch.release(i)
        }
      }
      return answers
    }
    const before = performance.now()
    const torrents = Array.from({ length: ANNOUNCES }, (_, i) => infoHash(i))
    const answers = ask(
      torrents.map((each, i) => announceRequest(id, { infoHash: each, transaction: 100 + i })),
    ).map((answer) => readAnnounce(answer, 4).transaction)
    expect(answers.sort()).toEqual(torrents.map((_, i) => 100 + i))
    // All torrents at once: joined from the parts of all workers.
    const [scrape] = ask([scrapeRequest(id, torrents)])
    expect(readScrape(scrape).entries.map(({ leechers }) => leechers)).toEqual(
      Array(ANNOUNCES).fill(1),
    )
    workers.stop()
    await Promise.all(started.map(({ ended }) => ended))

    const of = Array.from({ length: requestWorkers }, (_, i) => workers.of(1 + i))
    const announced = of.map(({ counts }) => counts.responses_announce_ipv4)
    expect(announced.reduce((sum, count) => sum + count, 0)).toBe(ANNOUNCES)
    for (const { counts, beats } of of) {
      expect(counts.responses_announce_ipv4).toBeGreaterThan(0)
      expect(beats).toBeGreaterThan(0)
    }
    expect(workers.of(SOCKET_SLOT).counts).toMatchObject({
      requests_announce_ipv4: ANNOUNCES,
      requests_scrape_ipv4: 1,
      sent_bytes_ipv4: ANNOUNCES * 20 + 8 + ANNOUNCES * 12,
    })
    const times = workers.measured('response_time')
    expect(countOf(times)).toBe(ANNOUNCES + 1)
    expect(times.sum).toBeGreaterThan(0)
    expect(times.sum).toBeLessThan(countOf(times) * (performance.now() - before) * 1e6)
  } finally {
    workers.stop()
    await Promise.all(started.map(({ ended }) => ended))
    libc.close(links.socketWorkers[0].event)
    closeEnds(...opened)
  }
})
