// Scenarios that xdp-rules.test.ts runs in a network namespace: what holds for packets of sockets holds past the kernel too, and
// with which rights it does.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceRequest, connectRequest, infoHash } from '../support/packets.ts'
import { STATISTICS, statisticsIn } from '../support/statistics.ts'
import { EXECUTABLE, runTracker, withTracker } from '../support/tracker.ts'
import { CARD, HERE, THERE, type TwoNetworks } from '../support/two-networks.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { allowedCalls, valuesOf } from '../support/unit.ts'
import { waitUntil } from '../support/wait.ts'
import { byXdp, metric, metricReaches, PORT, runScenario, settings } from './xdp-lab.ts'

const TO = { host: THERE.ipv4, port: PORT }

/** The error to an announce of a torrent; '' when it is served. */
async function refusal(client: UdpClient, n: number): Promise<string> {
  const request = announceRequest(await client.connect(TO), { infoHash: infoHash(n) })
  const { packet } = await client.request(request, TO)
  return packet.readUInt32BE(0) === 3 ? packet.toString('utf8', 8) : ''
}

/** The access list, and another one by a signal. */
async function accessList(networks: TwoNetworks): Promise<void> {
  const folder = newFolder()
  chmodSync(folder, 0o755)
  const path = join(folder, 'list.txt')
  const write = (n: number) => {
    writeFileSync(`${path}.new`, `${infoHash(n).toString('hex')}\n`)
    renameSync(`${path}.new`, path)
  }
  write(1)
  const more = `[access_list]\nmode = 'allow'\npath = '${path}'\n`
  await withTracker(settings(networks, { more }), (tracker) =>
    withClient(HERE.ipv4, async (client) => {
      deepStrictEqual([await refusal(client, 1), await refusal(client, 2)], ['', NOT_ALLOWED])
      write(2)
      tracker.signal('SIGUSR1')
      await waitUntil('the other list is in force', async () => (await refusal(client, 2)) === '')
      deepStrictEqual(await refusal(client, 1), NOT_ALLOWED)
      await metricReaches('rejected_total{reason="not_allowed"', 2)
      await onlyByXdp()
    }),
  )
  removeFolder(folder)
}

const NOT_ALLOWED = 'Info hash not allowed'

/** Peers that say nothing are forgotten, also while the worker has no moment without requests. */
async function forgets(networks: TwoNetworks): Promise<void> {
  const more = `${STATISTICS}[cleaning]\ninterval = 1\nmax_peer_age = 1\n`
  await withTracker(settings(networks, { more }), async (tracker) => {
    const client = await UdpClient.open(HERE.ipv4)
    for (let i = 0; i < 50; i++) await client.announce(TO, { infoHash: infoHash(i) })
    const now = () => statisticsIn(tracker.stderr).at(-1)
    await waitUntil('they are there', async () => {
      await client.announce(TO, { infoHash: infoHash(1) })
      return (now()?.torrents ?? 0) > 0
    })
    await waitUntil('they are not', async () => {
      await client.connect(TO)
      return now()?.torrents === 0
    })
    client.close()
    await tracker.waitForOutput(/XDP: frames [\d,]+, refused 0, lost 0, left to the kernel \d+ \(/)
    await onlyByXdp()
  })
}

/** Limits per network, bans, and the times of answers. */
async function limits(networks: TwoNetworks): Promise<void> {
  const more = '[source_limits]\nconnects_per_second = 1\n'
  await withTracker(settings(networks, { more }), () =>
    withClient(HERE.ipv4, async (client) => {
      for (let i = 0; i < 100; i++) client.send(connectRequest(i), TO)
      await metricReaches('rejected_total{reason="connect_rate"', 50)
      const answered = await metric('responses_total')
      ok(answered >= 1 && answered < 50, `${answered} connects were answered`)
      await metricReaches('response_time_seconds_count', 100)
      await onlyByXdp()
    }),
  )
}

/** All requests came past the kernel. */
async function onlyByXdp(): Promise<void> {
  await waitUntil('the figures agree', async () => {
    const packets = await metric('xdp_packets_total')
    return packets > 0 && packets === (await metric('batch_packets_sum'))
  })
}

/** As nobody, with little memory that may be locked. */
function having(capabilities: readonly string[]) {
  const caps = ['-all', ...capabilities.map((name) => `+${name}`)].join()
  const sets = ['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=${caps}`)
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...sets, '--']
  return { prefix: ['prlimit', '--memlock=65536', ...user] }
}

/** Whoever has these capabilities alone may open cards; without any of them the start ends, and says what is missing. */
async function capabilities(networks: TwoNetworks): Promise<void> {
  const needed = ['net_raw', 'net_admin', 'bpf', 'ipc_lock']
  await withTracker(settings(networks, having(needed)), () => byXdp(8))
  for (const missing of needed) {
    const rest = needed.filter((name) => name !== missing)
    const { code, stderr } = await runTracker(settings(networks, having(rest)))
    deepStrictEqual([missing, code], [missing, 1])
    match(
      stderr,
      missing === 'ipc_lock'
        ? /too little memory \(ENOBUFS\): raise the limit \(ulimit -l, LimitMEMLOCK=\)/
        : /no permission \(EPERM\): that needs a start as root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF/,
    )
    ok(!networks.isAttached())
  }
}

/** The packaged unit and the drop-in of docs/kernel-bypass.md leave the tracker all that it calls. */
async function unit(networks: TwoNetworks): Promise<void> {
  const root = join(import.meta.dir, '../..')
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  const dropIn = /```ini\n(\[Service\][\s\S]*?)```/.exec(read('docs/kernel-bypass.md'))?.[1] ?? ''
  const text = read('packaging/systemd/aquatic_udp.service') + dropIn
  const given = valuesOf(dropIn, 'AmbientCapabilities').join(' ').split(' ')
  deepStrictEqual(valuesOf(dropIn, 'CapabilityBoundingSet').join(' ').split(' '), given)
  const folder = newFolder()
  chmodSync(folder, 0o777)
  const log = join(folder, 'calls')
  const names = given.map((name) => name.replace('CAP_', '').toLowerCase())
  const { prefix } = having(names)
  const traced = [...prefix, 'strace', '-D', '-f', '-qq', '-o', log]
  await withTracker(settings(networks, { prefix: traced }), async (tracker) => {
    await byXdp(8)
    tracker.signal('SIGTERM')
    deepStrictEqual((await tracker.waitForEnd()).code, 0)
  })
  // The tracer writes the last lines when the tracker has ended.
  await waitUntil('the log ends', () => /exit_group\(0/.test(readFileSync(log, 'utf8')))
  const lines = readFileSync(log, 'utf8')
  const calls = new Set([...lines.matchAll(/^\d+ +([a-z_0-9]+)\(/gm)].map((match) => match[1]))
  const families = new Set([...lines.matchAll(/ socket\((AF_\w+)/g)].map((match) => match[1]))
  removeFolder(folder)
  ok(calls.has('bpf') && families.has('AF_XDP'))
  const allowed = allowedCalls(text)
  deepStrictEqual(
    [...calls].filter((call) => !allowed.has(call)),
    [],
  )
  const allowedFamilies = valuesOf(text, 'RestrictAddressFamilies').join(' ').split(' ')
  deepStrictEqual(
    [...families].filter((name) => !allowedFamilies.includes(name)),
    [],
  )
}

/** Two cards, of which the second cannot be had: nothing is left at the first. */
async function halfWay(networks: TwoNetworks): Promise<void> {
  networks.there('ip link add other1 type veth peer name other0')
  networks.there('ip link set other0 up')
  const on = (path: string) => {
    const given = settings(networks, { path })
    const own = `xdp_interfaces = ['${CARD}', 'other0']`
    return {
      ...given,
      settings: (given.settings ?? '').replace(`xdp_interfaces = '${CARD}'`, own),
    }
  }
  await withTracker(on('xdp'), async (tracker) => {
    match(tracker.stderr, /card0 by XDP \(native\) and other0 by XDP \(native\)/)
    await byXdp(8)
  })
  // A card with frames that are too long for native mode, and for a program that must have it.
  networks.there('ip link set other1 mtu 9000')
  networks.there('ip link set other0 mtu 9000')
  const native = (path: string) => {
    const given = on(path)
    return {
      ...given,
      settings: given.settings.replace("xdp_mode = 'auto'", "xdp_mode = 'native'"),
    }
  }
  const { code, stderr } = await runTracker(native('xdp'))
  deepStrictEqual(code, 1)
  match(stderr, /packet_path = 'xdp': other0 cannot take the program \(ERANGE\)/)
  ok(!networks.isAttached())
  await withTracker(native('auto'), async (tracker) => {
    match(tracker.stderr, /packets come by sockets .*: other0 cannot take the program/)
    ok(!networks.isAttached())
    await withClient(HERE.ipv4, (client) => client.announce(TO))
  })
}

/** A worker that fails ends the process, and with it all that was attached. */
async function workerFails(networks: TwoNetworks): Promise<void> {
  const options = { ...settings(networks), env: { _AQUATIC_TEST_FAULT: 'socket' } }
  await withTracker(options, (tracker) =>
    withClient(HERE.ipv4, async (client) => {
      ok(networks.isAttached())
      client.send(connectRequest(), TO)
      const { code, stderr } = await tracker.waitForEnd()
      deepStrictEqual(code, 1)
      match(stderr, /socket worker 1 failed/)
      await waitUntil('nothing is attached', () => !networks.isAttached())
    }),
  )
  await withTracker(settings(networks), () => byXdp(8))
}

/** --check says what can be seen without rights, and opens nothing. */
async function check(networks: TwoNetworks): Promise<void> {
  const said = async (path: string, card: string) => {
    const given = settings(networks, { path })
    const text = (given.settings ?? '').replace(`xdp_interfaces = '${CARD}'`, card)
    return runTracker({ ...given, settings: text, executable: [EXECUTABLE, '--check'] })
  }
  const good = await said('xdp', `xdp_interfaces = '${CARD}'`)
  deepStrictEqual([good.code, good.stderr.includes('packet_path')], [0, false])
  const bad = await said('xdp', "xdp_interfaces = 'none'")
  deepStrictEqual(bad.code, 1)
  match(bad.stderr, /packet_path = 'xdp': there is no network interface none/)
  const warned = await said('auto', "xdp_interfaces = 'none'")
  deepStrictEqual(warned.code, 0)
  match(warned.stderr, /packet_path = 'auto': there is no network interface none/)
  ok(!networks.isAttached())
}

await runScenario({ accessList, forgets, limits, capabilities, unit, halfWay, workerFails, check })
