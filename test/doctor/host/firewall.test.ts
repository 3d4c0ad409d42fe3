import { describe, expect, test } from 'bun:test'
import * as firewall from '../../../doctor/host/checks/firewall.ts'
import { plantedHost, subjectOf, UDP_ONLY } from './planted.ts'

const save = (policy: string, ...rules: string[]) =>
  `*filter\n:INPUT ${policy} [0:0]\n${rules.map((rule) => `-A INPUT ${rule}\n`).join('')}COMMIT\n`
const udp = '-p udp -m udp --dport 3000 -j ACCEPT'
const tcp = '-p tcp -m tcp --dport 3000 -j ACCEPT'

const IPV6 = {
  '/proc/net/if_inet6': '20010db8000000000000000000000001 02 40 00 80     eth0\n',
}
const found = (outputs: Record<string, string>, files: Record<string, string> = IPV6) =>
  firewall.firewall(subjectOf(plantedHost(files, { outputs })))

describe('the firewall', () => {
  test('a closed port is a fault with the rule that opens it', () => {
    expect(found({ 'iptables-save': save('DROP', tcp), 'ip6tables-save': '' })).toMatchObject([
      {
        severity: 'fault',
        text: 'The firewall of this host drops what clients send to UDP port 3000 (IPv4).',
        remedy: expect.stringContaining('\niptables -I INPUT -p udp --dport 3000 -j ACCEPT'),
      },
    ])
  })

  test('an open one is good, as far as can be seen', () => {
    expect(
      found({ 'iptables-save': save('DROP', udp, tcp), 'ip6tables-save': save('ACCEPT') }),
    ).toMatchObject([
      {
        severity: 'good',
        text: expect.stringContaining('UDP port 3000 (IPv4, IPv6) and TCP port 3000 (IPv4)'),
      },
    ])
  })

  test('a host without IPv6 may drop it', () => {
    const outputs = { 'iptables-save': save('ACCEPT'), 'ip6tables-save': save('DROP') }
    expect(found(outputs)[0].severity).toBe('fault')
    const loopback = '00000000000000000000000000000001 01 80 10 80       lo\n'
    const linkLocal = 'fe80000000000000000000000000000a 02 40 20 80     eth0\n'
    expect(found(outputs, { '/proc/net/if_inet6': loopback + linkLocal })[0].severity).toBe('good')
    expect(found(outputs, {})[0].severity).toBe('good')
  })

  test('what is not understood is said', () => {
    const limited = '-p udp -m limit --limit 5/sec -j ACCEPT'
    expect(found({ 'iptables-save': save('DROP', limited, tcp) })).toMatchObject([
      { severity: 'note', text: expect.stringContaining('cannot be told') },
    ])
    expect(found({})).toMatchObject([
      { severity: 'note', text: expect.stringContaining('unknown') },
    ])
  })

  test('with nftables, the rule goes into the chain that is there', () => {
    const nft = JSON.stringify({
      nftables: [
        {
          chain: {
            family: 'inet',
            table: 'fw',
            name: 'in',
            type: 'filter',
            hook: 'input',
            policy: 'drop',
          },
        },
      ],
    })
    const [finding] = firewall.firewall(subjectOf(plantedHost({}, { outputs: { nft } }), UDP_ONLY))
    expect(finding.remedy?.split('\n').slice(1)).toEqual([
      'nft insert rule inet fw in udp dport 3000 accept',
    ])
  })
})

describe('a userland proxy', () => {
  const proxy = (port: number) => ({
    '/proc/77/cmdline':
      `/usr/bin/docker-proxy -proto udp -host-ip 0.0.0.0 -host-port ${port} -container-ip 172.17.0.2 `.replaceAll(
        ' ',
        '\0',
      ),
    '/proc/1/cmdline': '/sbin/init\0',
  })

  test('before the tracker’s port is a fault, elsewhere a note', () => {
    expect(firewall.userlandProxy(subjectOf(plantedHost(proxy(3000))))[0]).toMatchObject({
      severity: 'fault',
      remedy: expect.stringContaining('--network host'),
    })
    expect(firewall.userlandProxy(subjectOf(plantedHost(proxy(8080))))[0].severity).toBe('note')
  })

  test('none is good, and without /proc nothing is said', () => {
    const host = plantedHost({ '/proc/1/cmdline': '/sbin/init\0' })
    expect(firewall.userlandProxy(subjectOf(host))[0].severity).toBe('good')
    expect(firewall.userlandProxy(subjectOf(plantedHost({})))[0].text).toContain('unknown')
  })
})

test('address translation of the tracker’s port', () => {
  const nat =
    '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 3000 -j DNAT --to-destination 172.17.0.2:3000\nCOMMIT\n'
  const of = (outputs: Record<string, string>) =>
    firewall.addressTranslation(subjectOf(plantedHost({}, { outputs })))
  expect(of({ 'iptables-save': nat })[0]).toMatchObject({ severity: 'warning' })
  expect(of({ 'iptables-save': nat.replaceAll('3000', '80') })[0].severity).toBe('good')
  const masked =
    '*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n'
  expect(of({ 'iptables-save': masked })[0]).toMatchObject({
    severity: 'note',
    text: expect.stringContaining('masquerade'),
  })
  expect(of({})).toEqual([])
})

describe('the IPv4 address', () => {
  const trie = (...addresses: string[]) =>
    `Local:\n  +-- 0.0.0.0/0 3 0 5\n${['127.0.0.1', ...addresses].map((each) => `        |-- ${each}\n           /32 host LOCAL\n`).join('')}     |-- 198.51.100.0\n        /24 link UNICAST\n`
  const found = (files: Record<string, string>) =>
    firewall.publicAddress(subjectOf(plantedHost(files)))

  test('a public one is good, private ones are a note', () => {
    expect(found({ '/proc/net/fib_trie': trie('10.0.0.5', '203.0.113.7') })[0].severity).toBe(
      'good',
    )
    expect(found({ '/proc/net/fib_trie': trie('172.17.0.2') })[0]).toMatchObject({
      severity: 'note',
      text: expect.stringContaining('This host has only private IPv4 addresses (172.17.0.2)'),
    })
  })

  test('none is a warning, and in a container the remedy is another', () => {
    expect(found({ '/proc/net/fib_trie': trie() })[0].severity).toBe('warning')
    expect(
      found({ '/proc/net/fib_trie': trie('172.17.0.2'), '/.dockerenv': '' })[0].remedy,
    ).toContain('--network host')
  })
})
