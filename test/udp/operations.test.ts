import { expect, setDefaultTimeout, test } from 'bun:test'
import { inFolder } from '../support/folder.ts'
import { announceRequest, infoHash } from '../support/packets.ts'
import { listenOn, runTracker, type Tracker, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const INVALID = Buffer.from('0011223344556677', 'hex')
const SETTINGS = `${listenOn('127.0.0.1:0', '[::1]:0')}[operations]\naddress = '127.0.0.1:0'\n`

async function textAt(url: string): Promise<string> {
  const response = await fetch(url)
  expect(response.status).toBe(200)
  return response.text()
}

/** Announces a seeder over IPv4 and a leecher over IPv6, sends one invalid id, and sees all of it told. */
async function useAndSee(tracker: Tracker): Promise<string> {
  const url = await tracker.operationsUrl()
  await withClient('127.0.0.1', async (client) => {
    await client.announce(tracker.at('127.0.0.1'), { port: 1, left: 0n })
    await client.isSilent(announceRequest(INVALID), tracker.at('127.0.0.1'))
  })
  await withClient('::1', (client) => client.announce(tracker.at('::1', 1), { port: 1 }))
  // Requests may have been repeated, on a busy machine.
  const figures = [
    /^tracker_udp_requests_total\{type="announce",ip_version="4"\} [1-9]/m,
    /^tracker_udp_requests_total\{type="announce",ip_version="6"\} [1-9]/m,
    /^tracker_udp_responses_total\{type="announce",ip_version="6"\} [1-9]/m,
    /^tracker_udp_rejected_total\{reason="connection_id",ip_version="4"\} 1$/m,
    /^tracker_udp_worker_requests_total\{worker="1"\} ([5-9]|\d\d)/m,
    /^tracker_udp_torrents\{ip_version="4"\} 1$/m,
    /^tracker_udp_peers\{ip_version="4",role="seeder"\} 1$/m,
    /^tracker_udp_peers\{ip_version="6",role="leecher"\} 1$/m,
  ]
  let metrics = ''
  await waitUntil('all of it is told', async () => {
    metrics = await textAt(`${url}metrics`)
    return figures.every((figure) => figure.test(metrics))
  })
  return metrics
}

test('the endpoint reports what the tracker has done, and is ready and healthy', () =>
  withTracker({ settings: SETTINGS }, async (tracker) => {
    const metrics = await useAndSee(tracker)
    const [, packets] = metrics.match(/^tracker_udp_response_time_seconds_count (\d+)$/m) ?? []
    expect(Number(packets)).toBeGreaterThanOrEqual(5)
    const [, resident] = metrics.match(/^process_resident_memory_bytes (\d+)$/m) ?? []
    expect(Number(resident)).toBeGreaterThan(10_000_000)
    const url = await tracker.operationsUrl()
    expect(await textAt(`${url}ready`)).toBe('ready\n')
    expect(await textAt(`${url}health`)).toBe('healthy\n')
    expect(await textAt(url)).toContain('Effective settings')
  }))

test.skipIf(process.getuid?.() !== 0)('it works in another root directory, as another user', () =>
  inFolder((root) => {
    const settings = `${SETTINGS}[privileges]\ndrop_privileges = true\nchroot_path = '${root}'\n`
    return withTracker({ settings }, async (tracker) => {
      const metrics = await useAndSee(tracker)
      expect(metrics).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m)
      expect(metrics).toMatch(/^tracker_udp_receive_drops_total 0$/m)
      const url = await tracker.operationsUrl()
      expect(await textAt(url)).toContain(root)
      expect(await textAt(`${url}stats.json`)).toContain('"ready": true')
    })
  }),
)

test('an address that is taken stops the start; one for others to reach is warned of', () =>
  withTracker({ settings: SETTINGS }, async (tracker) => {
    const address = new URL(await tracker.operationsUrl()).host
    const settings = `${listenOn('127.0.0.1:0')}[operations]\naddress = '${address}'\n`
    const { code, stderr } = await runTracker({ settings })
    expect(code).toBe(1)
    expect(stderr).toContain(
      `cannot listen on ${address} ([operations] address): the port is in use by another program`,
    )
    const open = `${listenOn('127.0.0.1:0')}[operations]\naddress = '0.0.0.0:0'\n`
    await withTracker({ settings: open }, (other) => {
      expect(other.stderr).toContain('is not an address of this machine alone')
    })
  }))

test.each([
  [0, true],
  [2, true],
  [0, false],
])(
  'with %d request workers, the largest torrents are shown with info hashes: %p',
  (workers, shown) => {
    const settings =
      `request_workers = ${workers}\n${listenOn('127.0.0.1:0')}[operations]\n` +
      `address = '127.0.0.1:0'\nshow_info_hashes = ${shown}\n` +
      '[statistics]\ntorrent_peer_histograms = true\n'
    return withTracker({ settings }, async (tracker) => {
      const url = await tracker.operationsUrl()
      await withClient('127.0.0.1', async (client) => {
        for (let port = 1; port <= 5; port++) {
          await client.announce(tracker.at(), { port, infoHash: infoHash(1) })
        }
        await client.announce(tracker.at(), { port: 1, infoHash: infoHash(2) })
      })
      const hash = infoHash(1).toString('hex')
      await waitUntil('the survey has found them', async () => {
        const metrics = await textAt(`${url}metrics`)
        return (
          metrics.includes('tracker_udp_torrents_by_peers{peers="4-7",swarm="ipv4"} 1\n') &&
          metrics.includes('tracker_udp_torrents_by_peers{peers="1",swarm="ipv4"} 1\n')
        )
      })
      expect((await textAt(`${url}metrics`)).includes(hash)).toBe(false)
      expect((await textAt(`${url}stats.json`)).includes(hash)).toBe(shown)
      expect((await textAt(url)).includes(hash)).toBe(shown)
    })
  },
)
