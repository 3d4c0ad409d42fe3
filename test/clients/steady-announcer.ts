// A client that announces one torrent after the other to a UDP tracker with one connection id, until its standard input
// ends: what a tracker's clients notice while it is replaced. Asks again as clients do. Prints as JSON how many announces were
// answered, how many requests had to be sent again, and how many of the peers a scrape then finds; ends with an error when a
// request gets no answer.
// Run by packages.test.ts and container tests in the network of the tracker:
//
//   steady-announcer.ts ADDRESS PORT
import { announceRequest, readAnnounce, readScrape, scrapeRequest } from '../support/packets.ts'
import { withClient } from '../support/udp-client.ts'
import { waitFor } from '../support/wait.ts'

export interface AnnouncedReport {
  readonly announced: number
  readonly resent: number
  readonly found: number
}

/** A hundred a second at most: clients of a small tracker. */
const PAUSE_MS = 10
/** Torrents per scrape: fits every packet. */
const SCRAPED = 50

async function announceUntilEnd(host: string, port: number): Promise<AnnouncedReport> {
  const ended = Bun.stdin.text()
  return await withClient(host.includes(':') ? '::1' : '127.0.0.1', async (client) => {
    const id = await client.connect({ host, port })
    let announced = 0
    console.error('announcing')
    while ((await waitFor(ended, PAUSE_MS)) === undefined) {
      const request = announceRequest(id, { infoHash: infoHashOf(announced) })
      const { packet } = await client.request(request, { host, port })
      readAnnounce(packet, host.includes(':') ? 6 : 4)
      announced++
    }
    let found = 0
    for (let i = 0; i < announced; i += SCRAPED) {
      const count = Math.min(SCRAPED, announced - i)
      const hashes = Array.from({ length: count }, (_, at) => infoHashOf(i + at))
      const { packet } = await client.request(scrapeRequest(id, hashes), { host, port })
      for (const { leechers } of readScrape(packet).entries) found += leechers
    }
    return { announced, resent: client.resent, found }
  })
}

function infoHashOf(index: number): Buffer {
  const infoHash = Buffer.alloc(20)
  infoHash.writeUInt32BE(index + 1)
  return infoHash
}

if (import.meta.main) {
  const [host, port] = Bun.argv.slice(2)
  console.log(JSON.stringify(await announceUntilEnd(host, Number(port))))
}
