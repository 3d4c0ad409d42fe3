// Real faults in network namespaces of their own. The doctor runs from its source; as it is built: ../doctor.test.ts.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../../../doctor/finding.ts'
import { folderOfFile } from '../../support/folder.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../../support/namespace.ts'

setDefaultTimeout(180_000)

const DOCTOR = join(import.meta.dir, '../../../bin/aquatic_doctor.ts')
const WHY_NO_NFT =
  WHY_NO_NAMESPACE || (Bun.which('nft') === null ? ' (skipped: no command nft)' : '')

const folder = folderOfFile()
const settings = join(folder, 'aquatic.toml')
writeFileSync(settings, '[udp.network]\naddress = "0.0.0.0:3000"\n')

async function findings(
  setup: string[],
  { script = DOCTOR, args = [] as string[], withSys = false, code = 1 } = {},
): Promise<readonly Finding[]> {
  const outcome = await inNamespace(
    setup.join('; ') || ':',
    script,
    [...args, '--json', '--seconds', '0.3', '-c', settings],
    { withSys },
  )
  expect(outcome.stderr).toBe('')
  expect(outcome.code).toBe(code)
  return JSON.parse(outcome.stdout).reports[0].findings
}

function named(found: readonly Finding[], name: string): Finding {
  const [finding] = found.filter((each) => each.name === name)
  if (finding === undefined) throw new Error(`nothing is named ${name}`)
  return finding
}

const sysctl = (key: string, value: string) => `echo ${value} > /proc/sys/net/ipv4/${key}`

describe.skipIf(WHY_NO_NAMESPACE !== '')(`in a network namespace${WHY_NO_NAMESPACE}`, () => {
  test('each planted setting of TCP is found', async () => {
    const found = await findings([
      'echo 16 > /proc/sys/net/core/somaxconn',
      sysctl('tcp_max_tw_buckets', '500'),
      sysctl('tcp_syncookies', '0'),
      sysctl('tcp_max_syn_backlog', '64'),
      sysctl('ip_local_port_range', '"2500 3500"'),
    ])
    const expected = {
      listen_backlog: 'Only 16 new connections',
      time_wait:
        '500 closed connections can be remembered (net.ipv4.tcp_max_tw_buckets), which suffices for 8 per second',
      syn_cookies: 'SYN cookies are off',
      handshake_backlog: '64 handshakes',
      outgoing_ports: '1,001 ports (2500 to 3500)',
      reserved_ports: 'Ports 3000 and 3001 of',
    }
    for (const [name, text] of Object.entries(expected)) {
      const finding = named(found, name)
      expect(finding.text).toContain(text)
      expect(finding.severity).toBe('warning')
    }
  })

  test('with good settings none of these is found', async () => {
    const found = await findings([
      'echo 4096 > /proc/sys/net/core/somaxconn',
      sysctl('tcp_max_tw_buckets', '262144'),
      sysctl('tcp_syncookies', '1'),
      sysctl('tcp_max_syn_backlog', '8192'),
      sysctl('ip_local_port_range', '"32768 60999"'),
      sysctl('tcp_migrate_req', '1'),
    ])
    for (const name of [
      'listen_backlog',
      'time_wait',
      'syn_cookies',
      'handshake_backlog',
      'outgoing_ports',
      'reserved_ports',
      'migrated_connections',
    ]) {
      expect(named(found, name).severity).toBe('good')
    }
  })

  test('IPv6: no address, an address without a route, both, and disabled', async () => {
    const card = 'ip link add br7 type bridge; ip link set br7 up'
    const address = 'ip -6 address add 2001:db8::1/64 dev br7 nodad'
    const route = 'ip -6 route add default via 2001:db8::2 dev br7'
    expect(named(await findings([card]), 'ipv6_address').severity).toBe('warning')
    const without = await findings([card, address])
    expect(named(without, 'ipv6_address').severity).toBe('good')
    expect(named(without, 'ipv6_route').severity).toBe('fault')
    expect(named(await findings([card, address, route]), 'ipv6_route').severity).toBe('good')
    const off = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
    expect(named(await findings([card, off]), 'ipv6_address').text).toContain('IPv6 is disabled')
  })

  test('no IPv4 address', async () => {
    expect(named(await findings([]), 'ipv4_address')).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('has no IPv4 address beside loopback'),
    })
    const setup = [
      'ip link add br7 type bridge',
      'ip address add 203.0.113.7/24 dev br7',
      'ip link set br7 up',
    ]
    expect(named(await findings(setup), 'ipv4_address').severity).toBe('good')
  })

  test('packets that find the tracker’s buffer full, as they are lost', async () => {
    const found = await findings([], {
      script: join(import.meta.dir, 'lossy.ts'),
      args: [DOCTOR],
    })
    const finding = named(found, 'udp_receive_drops')
    expect(finding.severity).toBe('fault')
    expect(finding.text).toMatch(
      /\d per second now; sockets now open on UDP port 3000 lost [\d,]{4,} of them/,
    )
  })

  test('cards are those of the namespace: none with hardware', async () => {
    expect(named(await findings([], { withSys: true }), 'cards').severity).toBe('note')
  })

  test('a buffer that the settings ask for, and the host does not grant', async () => {
    const file = join(folder, 'large.toml')
    writeFileSync(file, '[network]\nsocket_recv_buffer_size = 1073741823\n')
    const { stdout, code } = await inNamespace(':', DOCTOR, [
      '--json',
      '--seconds',
      '0',
      '-c',
      file,
    ])
    expect(code).toBe(1)
    expect(named(JSON.parse(stdout).reports[0].findings, 'receive_buffer')).toMatchObject({
      severity: 'warning',
      remedy: expect.stringContaining('net.core.rmem_max=1073741823'),
    })
  })
})

describe.skipIf(WHY_NO_NFT !== '')(`with nftables${WHY_NO_NFT}`, () => {
  const nft = (...lines: string[]) => `nft '${lines.join('; ')};'`
  const input = nft(
    'add table inet fw',
    'add chain inet fw in { type filter hook input priority 0; policy drop; }',
    'add rule inet fw in ct state established accept',
    'add rule inet fw in tcp dport { 3000, 3001 } accept',
  )
  const accept = nft('add rule inet fw in udp dport { 9, 3000 } accept')
  const notrack = nft(
    'add table inet aquatic',
    'add chain inet aquatic before { type filter hook prerouting priority raw; }',
    'add chain inet aquatic after { type filter hook output priority raw; }',
    'add rule inet aquatic before udp dport 3000 notrack',
    'add rule inet aquatic after udp sport 3000 notrack',
  )
  // A packet that is tracked, so that the table is in use.
  const traffic = 'bash -c "echo > /dev/udp/127.0.0.1/9"'

  test('a closed port is a fault, and open once the rule that it names is there', async () => {
    const shut = named(await findings([input]), 'firewall')
    expect(shut).toMatchObject({
      severity: 'fault',
      text: 'The firewall of this host drops what clients send to UDP port 3000 (IPv4).',
    })
    const [, ...commands] = (shut.remedy ?? '').split('\n')
    expect(named(await findings([input, ...commands]), 'firewall').severity).toBe('good')
  })

  test('a port that is tracked, and one that is left out by the rules that the doctor names', async () => {
    const tracked = await findings([input, accept, traffic])
    expect(named(tracked, 'conntrack').severity).toBe('good')
    expect(named(tracked, 'conntrack_ports').severity).toBe('warning')
    const left = await findings([input, accept, notrack, traffic])
    expect(named(left, 'conntrack_ports').severity).toBe('good')
  })
})

describe.skipIf(WHY_NO_NAMESPACE !== '')(`--apply on a kernel${WHY_NO_NAMESPACE}`, () => {
  test('sets its values, and --revert restores them', async () => {
    const file = join(folder, 'http.toml')
    // Nothing in it asks for more of what is not this network's own.
    writeFileSync(
      file,
      '[network]\nkeep_alive = true\naddress = "0.0.0.0:2600"\n[limits]\nmax_connections = 100\n',
    )
    const outcome = await inNamespace(
      [
        'for folder in /etc /var/lib; do mount -t tmpfs tmpfs $folder; done',
        'echo 16 > /proc/sys/net/core/somaxconn',
        sysctl('tcp_max_tw_buckets', '500'),
        sysctl('ip_local_port_range', '"2500 3500"'),
        sysctl('ip_local_reserved_ports', '""'),
      ].join('; '),
      join(import.meta.dir, 'apply-and-revert.ts'),
      [DOCTOR, file],
      { withSys: true },
    )
    expect(outcome.stderr).toBe('')
    const { before, applied, reverted, left } = JSON.parse(outcome.stdout)
    expect(before).toEqual(['16\n', '500\n', '2500\t3500\n', '\n'])
    expect(applied[0]).toBe('4096\n')
    expect(Number(applied[1])).toBeGreaterThanOrEqual(65_536)
    expect(applied.slice(2)).toEqual(['32768\t60999\n', '2600\n'])
    expect(reverted).toEqual(before)
    expect(left).toEqual([])
  })
})
