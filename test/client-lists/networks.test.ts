// Lists of networks: their lines, and whether an address is in one, against a naive model.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { NETWORKS_MAX } from '../../src/client-lists/network-file.ts'
import { addressWords, parseNetwork } from '../../src/tcp/client-address.ts'
import { Networks } from '../../src/tcp/networks.ts'
import { randomWords } from '../support/random.ts'
import { faultOf, gateOf, readNetworks } from './support.ts'

setDefaultTimeout(180_000)

function wordsOf(address: string) {
  const { ipv4, words } = addressWords(address)
  const [a0, a1, a2, a3] = words
  return { ipv4, a0, a1, a2, a3 }
}

async function listed(text: string, ...addresses: string[]): Promise<boolean[]> {
  const gate = await gateOf({ networks: text })
  return addresses.map((address) => gate.deniesNetwork(wordsOf(address)))
}

describe('a list of networks', () => {
  test.each([
    ['an address', '192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
    ['a network', '192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.1.255', '192.0.3.0']],
    ['all of IPv4', '0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::', 'ffff::']],
    ['the upper half', '128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255']],
    ['host bits', '192.0.2.77/24', ['192.0.2.0', '192.0.2.255'], ['192.0.3.0']],
    ['an IPv6 address', '2001:db8::7', ['2001:db8::7'], ['2001:db8::6', '2001:db8::8']],
    ['an IPv6 network', '2001:db8::/32', ['2001:db8:ffff::1'], ['2001:db7::', '2001:db9::']],
    ['a /48', '2001:db8:7::/48', ['2001:db8:7:ffff::'], ['2001:db8:6:ffff::', '2001:db8:8::']],
    ['all of IPv6', '::/0', ['::', 'ffff:ffff::', '8000::'], ['1.2.3.4']],
    ['a mapped address', '::ffff:192.0.2.7', ['192.0.2.7'], ['192.0.2.8']],
    ['a mapped network', '::ffff:192.0.2.0/120', ['192.0.2.255'], ['192.0.3.0']],
    [
      'one in another',
      '10.0.0.0/8\n10.1.0.0/16',
      ['10.0.0.1', '10.1.1.1', '10.9.9.9'],
      ['11.0.0.0'],
    ],
    [
      'one in another, in the other order',
      '10.1.0.0/16\n10.0.0.0/8',
      ['10.9.9.9'],
      ['9.255.255.255'],
    ],
    ['neighbours', '10.0.0.0/24\n10.0.1.0/24', ['10.0.0.255', '10.0.1.0'], ['10.0.2.0']],
    [
      'comments, blanks and marks',
      '\ufeff# x\n\n  10.0.0.1 # y\r\n10.0.0.2#z',
      ['10.0.0.1', '10.0.0.2'],
      [],
    ],
    ['nothing', '', [], ['10.0.0.1', '::1']],
  ])('may have %s', async (_, text, inside, outside) => {
    expect(await listed(text, ...inside)).toEqual(inside.map(() => true))
    expect(await listed(text, ...outside)).toEqual(outside.map(() => false))
  })

  test('where only the listed are served, this machine is too', async () => {
    const gate = await gateOf({ networks: '192.0.2.0/24', allow: true })
    const served = (address: string) => !gate.deniesNetwork(wordsOf(address))
    expect(['192.0.2.1', '127.0.0.1', '127.9.9.9', '::1'].map(served)).toEqual(Array(4).fill(true))
    expect(['192.0.3.1', '126.0.0.1', '::2', '::'].map(served)).toEqual(Array(4).fill(false))
  })

  test('a list that is off denies nobody', async () => {
    const gate = await gateOf({})
    expect(gate.deniesNetwork(wordsOf('192.0.2.1'))).toBe(false)
    expect(gate.deniesClient(new Int32Array(5), 0)).toBe(false)
  })

  test('the mistakes are named by their lines', async () => {
    const text =
      '10.0.0.1\nhost\n10.0.0.0/33\n\n# 1\n::/129\n::ffff:1.2.3.4/95\n10.0.0.1 x\n1.2.3\n'
    expect(await faultOf(readNetworks(text))).toBe(
      'line 2 has something that is not an address or network, ' +
        'line 3 has a prefix length that is not from 0 to 32, ' +
        'line 6 has a prefix length that is not from 0 to 128, ' +
        'line 7 has a network of IPv4-mapped addresses that is larger than all of them, ' +
        'line 8 has something behind the network, and 1 more: ' +
        'write one IPv4 or IPv6 address or network per line, such as 192.0.2.0/24 or 2001:db8::/32',
    )
  })

  test.each([
    '010.0.0.1',
    '10.0.0.1/',
    '10.0.0.1/a',
    '10.0.0.1/0024',
    '10.0.0.1/24/8',
    '[::1]',
    '::1%lo',
    '1.2.3.4:80',
    '/8',
    '10.0.0.0 /8',
    'ä',
  ])('%s is a mistake', async (line) => {
    expect(await faultOf(readNetworks(`${line}\n`))).toMatch(/^line 1 has /)
  })

  test('has at most so many lines', async () => {
    const text = Buffer.alloc((NETWORKS_MAX + 1) * 3, '\n')
    expect(await faultOf(readNetworks(text))).toContain('too large')
  })
})

test('random networks have the same addresses as in a model', async () => {
  const random = randomWords(91)
  const below = (count: number) => random() % count
  const ipv4 = () => [below(3) * 90, below(4), below(2) * 255, below(256)].join('.')
  const group = () => (below(2) === 0 ? below(3) : below(0x10000)).toString(16)
  const ipv6 = () =>
    below(9) === 0
      ? `::ffff:${ipv4()}`
      : [0x2001 + below(2), ...Array(7).fill(0)]
          .map((head) => head?.toString(16) && (head === 0 ? group() : head.toString(16)))
          .join(':')
  const address = () => (below(2) === 0 ? ipv4() : ipv6())
  for (let round = 0; round < 60; round++) {
    const networks = Array.from({ length: below(120) }, () => {
      const text = address()
      const { mappedBits } = addressWords(text)
      const most = text.includes(':') ? 128 : 32
      return `${text}/${Math.max(mappedBits, most - below(most > 32 ? 128 : 33))}`
    })
    const model = new Networks(networks)
    const gate = await gateOf({ networks: networks.join('\n') })
    const near = networks.map((network) => network.split('/')[0])
    for (let i = 0; i < 400; i++) {
      const asked = near.length > 0 && below(3) === 0 ? near[below(near.length)] : address()
      if (gate.deniesNetwork(wordsOf(asked)) !== model.has(wordsOf(asked))) {
        throw new Error(`${asked} in ${networks.join(' ')}`)
      }
    }
  }
})

test('random lines are taken if and only if another parser takes them', async () => {
  const random = randomWords(7)
  const parts = [
    '1',
    '10',
    '255',
    '256',
    '0',
    '00',
    'f',
    '2001',
    'db8',
    '.',
    '.',
    ':',
    '::',
    '/',
    '24',
    '128',
    '33',
    'g',
    '-',
  ]
  const valid = ['10.0.0.1/24', '2001:db8::1/33', '::1', '255.255.255.255', '1:2:3:4:5:6:7:8/128']
  const part = () => parts[random() % parts.length]
  let taken = 0
  for (let i = 0; i < 1000; i++) {
    // Parts in a row, or an address of which one character is replaced.
    const from = valid[random() % valid.length]
    const at = random() % from.length
    const line =
      i % 2 === 0
        ? Array.from({ length: 1 + (random() % 9) }, part).join('')
        : from.slice(0, at) + part() + from.slice(at + 1)
    const parsed = parseNetwork(line)
    const isMistake = await readNetworks(line).then(
      () => false,
      () => true,
    )
    if (isMistake !== (parsed === null)) throw new Error(line)
    if (parsed !== null) taken++
  }
  expect(taken).toBeGreaterThan(20)
})

test('a list of half a million networks in any order is sorted in slices', async () => {
  const random = randomWords(5)
  const networks = Array.from({ length: 500_000 }, () => random() & 0xffffff)
  const text = networks.map((n) => `${n & 255}.${(n >>> 8) & 255}.${n >>> 16}.0/24`).join('\n')
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const gate = await gateOf({ networks: text })
  clearInterval(timer)
  expect(turns).toBeGreaterThan(20)
  const has = new Uint8Array(1 << 24)
  for (const n of networks) has[n] = 1
  for (let n = 0; n < 1 << 24; n += 7) {
    const source = { ipv4: true, a0: n | (9 << 24), a1: 0, a2: 0, a3: 0 }
    if (gate.deniesNetwork(source) !== (has[n] === 1)) throw new Error(String(n))
  }
})
