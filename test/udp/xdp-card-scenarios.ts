// Scenarios that xdp.test.ts runs in a network namespace: what may happen to the card of a tracker past the kernel, and to
// the tracker.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import { newFolder, removeFolder } from '../support/folder.ts'
import { connectRequest } from '../support/packets.ts'
import { ALL_EXECUTABLE, runTracker, type StartOptions, withTracker } from '../support/tracker.ts'
import { CARD, HERE, run, THERE, type TwoNetworks } from '../support/two-networks.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import {
  byXdp,
  meets,
  metric,
  metricReaches,
  type Options,
  PORT,
  runScenario,
  settings,
} from './xdp-lab.ts'

async function linkDown(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks), async () => {
    await byXdp()
    networks.there(`ip link set ${CARD} down`)
    networks.there(`ip link set ${CARD} up`)
    // Going down has taken its address.
    networks.there(`ip addr replace ${THERE.ipv6}/64 dev ${CARD} nodad`)
    await byXdp()
  })
}

async function cardRemoved(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks), async (tracker) => {
    await byXdp()
    networks.there(`ip link del ${CARD}`)
    await tracker.waitForOutput(
      new RegExp(`packets of ${CARD} come by sockets from now on: ${CARD} was removed`),
    )
    // Nobody waits for what never comes without sleeping.
    const before = cpuTicks(tracker.pid)
    const at = performance.now()
    await waitUntil('a second has passed', () => performance.now() - at > 1000)
    const share = ((cpuTicks(tracker.pid) - before) * 10) / (performance.now() - at)
    ok(share < 0.5, `it uses ${share} of a core for nothing`)
    tracker.signal('SIGTERM')
    deepStrictEqual((await tracker.waitForEnd()).code, 0)
  })
}

/** Hundredths of a second. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

async function mtuChanged(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks, { address: [`${THERE.ipv4}:${PORT}`] }), async (tracker) => {
    const meet = () =>
      withClient(HERE.ipv4, (client) => client.announce({ host: THERE.ipv4, port: PORT }))
    await meet()
    networks.there(`ip link set ${CARD} mtu 1279`)
    await tracker.waitForOutput(/come by sockets from now on: \S+ carries 1279 bytes at a time/)
    ok(!networks.isAttached())
    await meet()
    networks.there(`ip link set ${CARD} mtu 1400`)
    await tracker.waitForOutput(/come by XDP \(native\) from now on/)
    const before = await metric('xdp_packets_total')
    await meet()
    await metricReaches('xdp_packets_total', before + 2)
  })
}

/** The program knows the address that the card had: it lets go, and comes back with it. */
async function ethernetAddressChanged(networks: TwoNetworks): Promise<void> {
  const mac = Buffer.from(networks.mac()).toString('hex').match(/../g)?.join(':')
  const change = (to = '') => {
    networks.there(`ip link set ${CARD} address ${to}`)
    networks.there(`ip neigh flush all`)
    run(`ip neigh flush all`)
  }
  await withTracker(settings(networks), async (tracker) => {
    await byXdp(8)
    change('02:00:00:00:00:77')
    await tracker.waitForOutput(/come by sockets from now on: card0 has another Ethernet address/)
    ok(!networks.isAttached())
    await meets()
    change(mac)
    await tracker.waitForOutput(/come by XDP \(native\) from now on/)
    await byXdp(8)
  })
}

/** An address on the loopback interface, as those have that a router learns of by BGP. */
async function loopbackAddress(networks: TwoNetworks): Promise<void> {
  for (const [host, router] of [
    ['192.0.2.77/32', THERE.ipv4],
    ['2001:db8::77/128', THERE.ipv6],
  ]) {
    networks.there(`ip addr add ${host} dev lo`)
    run(`ip route add ${host} via ${router}`)
  }
  await withTracker(settings(networks, { address: [`[::]:${PORT}`] }), async () => {
    for (const [from, host] of [
      [HERE.ipv4, '192.0.2.77'],
      [HERE.ipv6, '2001:db8::77'],
    ]) {
      const before = await metric('xdp_packets_total')
      await withClient(from, async (client) => {
        const answer = await client.request(connectRequest(), { host, port: PORT })
        deepStrictEqual(answer.host, host)
      })
      await metricReaches('xdp_packets_total', before + 1)
    }
  })
}

/** Another tracker has the card. */
async function held(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks), async () => {
    const other = { address: [`${THERE.ipv4}:4000`] }
    const withoutOperations = (options: StartOptions): StartOptions => ({
      ...options,
      settings: (options.settings ?? '').replace(/\[operations\]\naddress = .*\n/, ''),
    })
    const { code, stderr } = await runTracker(withoutOperations(settings(networks, other)))
    deepStrictEqual(code, 1)
    match(
      stderr,
      /packet_path = 'xdp': another program is attached to card0 \(E(BUSY|EXIST)\): stop that/,
    )
    const auto = withoutOperations(settings(networks, { ...other, path: 'auto' }))
    await withTracker(auto, async (tracker) => {
      match(
        tracker.stderr,
        /packets come by sockets \(\[network\] packet_path = 'auto'\): another program/,
      )
      await withClient(HERE.ipv4, (client) => client.announce({ host: THERE.ipv4, port: 4000 }))
    })
    await byXdp()
  })
}

async function refused(networks: TwoNetworks): Promise<void> {
  const reason = async (options: Options, network = '') => {
    const given = settings(networks, options)
    const changed = (given.settings ?? '').replace(`xdp_interfaces = '${CARD}'`, network || '$&')
    const { code, stderr } = await runTracker({ ...given, settings: changed })
    deepStrictEqual(code, 1)
    return stderr
  }
  const nobody = [
    'setpriv',
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    '--inh-caps=-all',
    '--',
  ]
  match(
    await reason({ prefix: nobody }),
    /packet_path = 'xdp': no permission \(EPERM\): that needs a start as root/,
  )
  match(
    await reason({ first: 'request_workers = 1' }),
    /packet_path = 'xdp' needs request_workers = 0/,
  )
  match(await reason({}, "xdp_interfaces = 'none'"), /there is no network interface none \(ip link/)
  match(await reason({}, "xdp_interfaces = 'lo'"), /lo is no Ethernet interface/)
  match(
    await reason({ address: ['0.0.0.0:3000'] }, 'xdp_interfaces = []'),
    /no network interface has a default route/,
  )
  match(
    await reason({ address: ['127.0.0.1:3000'] }, 'xdp_interfaces = []'),
    /no network card has an address of/,
  )
  match(await reason({ more: '[protocol]\nmax_response_bytes = 1473\n' }), /max_response_bytes/)
  networks.there(`ip link set ${CARD} mtu 1300`)
  match(
    await reason({
      address: [`${THERE.ipv4}:3000`],
      more: '[protocol]\nmax_response_bytes = 1472\n',
    }),
    /card0 carries 1,?300 bytes at a time \(MTU\), and responses may have 1500: raise its MTU, or lower/,
  )
}

async function killed(networks: TwoNetworks): Promise<void> {
  await withTracker(settings(networks), async (tracker) => {
    await byXdp()
    tracker.signal('SIGKILL')
    await tracker.waitForEnd()
    await waitUntil('nothing is attached', () => !networks.isAttached())
  })
  await withTracker(settings(networks), () => byXdp())
}

/** The wildcard address: addresses that come later, also after rights were dropped. */
async function addresses(networks: TwoNetworks): Promise<void> {
  const options = settings(networks, {
    address: [`0.0.0.0:${PORT}`],
    more: "[privileges]\ndrop_privileges = true\nchroot_path = '/'\n",
  })
  await withTracker(options, async () => {
    await byXdp(8)
    networks.there(`ip addr add 10.9.0.77/24 dev ${CARD}`)
    await withClient(HERE.ipv4, async (client) => {
      const to = { host: '10.9.0.77', port: PORT }
      const before = await metric('xdp_packets_total')
      await waitUntil('the new address is served by XDP', async () => {
        const answer = await client.request(connectRequest(), to)
        deepStrictEqual({ host: answer.host, port: answer.port }, to)
        return (await metric('xdp_packets_total')) > before + 20
      })
    })
  })
}

/** A new process attaches once the old one lets go, also without rights by then; clients hardly notice. */
async function takeOver(networks: TwoNetworks): Promise<void> {
  const dropping = "[privileges]\ndrop_privileges = true\nchroot_path = '/'\n"
  for (const rights of ['', dropping]) {
    const folder = newFolder()
    chmodSync(folder, 0o777)
    const more = `${rights}[persistence]\npath = '${folder}'\ntake_over = true\n`
    await withTracker(settings(networks, { more }), async (old) => {
      await byXdp(8)
      await withTracker(settings(networks, { more }), async (next) => {
        let isOver = false
        const load = steadyLoad(() => isOver)
        await old.waitForEnd()
        await next.waitForOutput(/packets of card0 come by XDP \(native\) from now on/)
        ok(networks.isAttached())
        await byXdp(8)
        isOver = true
        const { sent, lost } = await load
        ok(lost * 20 < sent, `${lost} of ${sent} requests got no answer`)
        next.signal('SIGTERM')
        deepStrictEqual((await next.waitForEnd()).code, 0)
        ok(!networks.isAttached())
      })
    })
    removeFolder(folder)
  }
}

/** Asks without pause, and counts which requests had to be repeated. */
async function steadyLoad(isOver: () => boolean): Promise<{ sent: number; lost: number }> {
  const client = await UdpClient.open(HERE.ipv4)
  const to = { host: THERE.ipv4, port: PORT }
  let [sent, lost] = [0, 0]
  while (!isOver()) {
    const before = client.resent
    await client.request(connectRequest(), to)
    sent++
    if (client.resent > before) lost++
  }
  client.close()
  return { sent, lost }
}

/** UDP is one of several protocols. */
async function allProtocols(networks: TwoNetworks): Promise<void> {
  const { settings: single = '', ...rest } = settings(networks)
  const own = single.replace('[network]', '[udp.network]')
  const others = "[http.network]\naddress = '127.0.0.1:0'\n[ws.network]\naddress = '127.0.0.1:0'\n"
  const options = { ...rest, executable: ALL_EXECUTABLE, settings: own + others }
  await withTracker(options, async (tracker) => {
    match(tracker.stderr, /UDP: \S+, \S+ \(1 socket worker, card0 by XDP \(native\)\)/)
    await byXdp(8)
  })
}

await runScenario({
  linkDown,
  cardRemoved,
  mtuChanged,
  ethernetAddressChanged,
  loopbackAddress,
  held,
  refused,
  killed,
  addresses,
  takeOver,
  allProtocols,
})
