import { expect, test } from 'bun:test'
import { isIP } from 'node:net'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { readAddress } from '../../src/tcp/address-text.ts'
import { randomWords } from '../support/random.ts'

/** The bytes of the address in hexadecimal digits; null where it is none. */
function read(text: string): string | null {
  const peer = new Peer()
  const bytes = Buffer.from(`xx${text}xx`, 'latin1')
  if (!readAddress(peer, bytes, 2, bytes.length - 2)) return null
  const { ipv4, a0, a1, a2, a3 } = peer
  return Buffer.from(Int32Array.from(ipv4 ? [a0] : [a0, a1, a2, a3]).buffer).toString('hex')
}

test.each([
  ['192.0.2.9', 'c0000209'],
  ['255.255.255.255', 'ffffffff'],
  ['0.0.0.0', '00000000'],
  ['192.0.2.9:6881', 'c0000209'],
  ['2001:db8::9', '20010db8000000000000000000000009'],
  ['2001:DB8::9', '20010db8000000000000000000000009'],
  ['[2001:db8::9]:51413', '20010db8000000000000000000000009'],
  ['[2001:db8::9]', '20010db8000000000000000000000009'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['1::', '00010000000000000000000000000000'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
  ['1:2:3:4:5:6:192.0.2.9', '000100020003000400050006c0000209'],
  ['64:ff9b::192.0.2.9', '0064ff9b0000000000000000c0000209'],
  // An IPv4 address, in either way of writing it.
  ['::ffff:192.0.2.9', 'c0000209'],
  ['::ffff:c000:209', 'c0000209'],
])('%s is an address', (text, bytes) => expect(read(text)).toBe(bytes))

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.4:',
  '1.2.3.4:port',
  '1.2.3.4:123456',
  '[1.2.3.4]',
  '[::1',
  '[::1]x',
  '[::1]:',
  ':',
  ':1',
  '1:',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '1:2:3:4:5:6:7:1.2.3.4',
  '12345::',
  '::g',
  '::1.2.3.4:5',
  'fe80::1%eth0',
  'tracker.example.com',
  'unknown',
])('«%s» is none', (text) => expect(read(text)).toBeNull())

test('a hundred thousand texts that look like addresses are judged as the system does', () => {
  const random = randomWords(5)
  const parts = ['1', '::', ':', '.', '0', 'ffff', 'a', '255', '10', '256', '00', 'g', '1.2.3.4']
  let addresses = 0
  for (let i = 0; i < 100_000; i++) {
    const text = Array.from(
      { length: 1 + (random() % 12) },
      () => parts[random() % parts.length],
    ).join('')
    const withoutPort = text.replace(/^([\d.]+):\d{1,5}$/, '$1')
    const isAddress = isIP(withoutPort) !== 0
    if (isAddress) addresses++
    if ((read(text) !== null) !== isAddress) throw new Error(text)
  }
  expect(addresses).toBeGreaterThan(500)
})
