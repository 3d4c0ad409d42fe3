import { describe, expect, test } from 'bun:test'
import { AZUREUS_NAMES, AZUREUS_STYLES, SHADOW_NAMES } from '../../src/census/names.ts'
import { clientOf, UNKNOWN } from '../../src/census/peer-id.ts'
import { randomWords } from '../support/random.ts'

// As clients send them: seen in captures, or built by the rule in their source code for a real version.
const KNOWN: readonly (readonly [peerId: string, name: string, version: string])[] = [
  ['-qB4650-', 'qBittorrent', '4.6'],
  ['-qB5010-', 'qBittorrent', '5.0'],
  ['-qB33G0-', 'qBittorrent', '3.3'],
  ['-TR4050-', 'Transmission', '4.0'],
  ['-TR4100-', 'Transmission', '4.1'],
  ['-TR300Z-', 'Transmission', '3.00'],
  ['-TR2940-', 'Transmission', '2.94'],
  ['-TR0072-', 'Transmission', '0.72'],
  ['-TR0006-', 'Transmission', '0.6'],
  ['-DE211s-', 'Deluge', '2.1'],
  ['-DE13F0-', 'Deluge', '1.3'],
  ['-LT20A0-', 'libtorrent (Rasterbar)', '2.0'],
  ['-LT12E0-', 'libtorrent (Rasterbar)', '1.2'],
  ['-lt0D80-', 'rTorrent (libTorrent)', '0.13'],
  ['-UT355W-', 'µTorrent', '3.5'],
  ['-UT360Wx', 'µTorrent', '3.6'],
  ['-UM1870-', 'µTorrent Mac', '1.8'],
  ['-UW130E-', 'µTorrent Web', '1.3'],
  ['-BT7B3S-', 'BitTorrent', '7.11'],
  ['-AZ5770-', 'Vuze', '5.7'],
  ['-BI3600-', 'BiglyBT', '3.6'],
  ['-KT5200-', 'KTorrent', '5.2'],
  ['-WW0208-', 'WebTorrent', '2.8'],
  ['-WW0098-', 'WebTorrent', '0.98'],
  ['-WD0024-', 'WebTorrent Desktop', '0.24'],
  ['-PM0202-', 'P2P Media Loader', '2.2'],
  ['-BC0206-', 'BitComet', '2.06'],
  ['-FD67A0-', 'Free Download Manager', '6.7'],
  ['-PI0250-', 'PicoTorrent', '0.25'],
  ['-ML2.7.2', 'MLDonkey', '2.7'],
  ['-XL0019-', 'Xunlei', ''],
  ['-SD0100-', 'Xunlei', ''],
  ['-GT0003-', 'anacrolix/torrent', ''],
  ['-rQ0001-', 'rqbit', ''],
  ['-AQ0001-', 'aquatic load test', '0.0'],
  ['-7T2100-', 'aTorrent', '2.1'],
  ['-S~2400-', 'Shareaza', '2.4'],
  ['A2-1-36-', 'aria2', '1.36'],
  ['A2-1-4-2', 'aria2', '1.4'],
  ['-aria2-1', 'aria2', ''],
  ['M7-3-2--', 'BitTorrent (mainline)', '7.3'],
  ['M4-20-8-', 'BitTorrent (mainline)', '4.20'],
  ['Q1-10-0-', 'Queen Bee', '1.10'],
  ['S3-1-0-0', 'Amazon S3', '1.0'],
  ['TIX0289-', 'Tixati', '2.89'],
  ['XBT054d-', 'XBT Client', '0.5'],
  ['T03I--00', 'BitTornado', '0.3'],
  ['T03I----', 'BitTornado', '0.3'],
  ['S58B----', 'Shadow', '5.8'],
  ['A310--00', 'ABC', '3.1'],
  ['exbc\0\x38..', 'BitComet', ''],
  ['exbc\x01\x01LO', 'BitLord', ''],
  ['\0\x03BS....', 'BitSpirit', ''],
  ['OP8372ab', 'Opera', ''],
  ['-BOWA0C-', 'Bits on Wheels', ''],
]

describe('the client of a peer id', () => {
  test.each(KNOWN)('%j is %s %s', (start, name, version) => {
    expect(start).toHaveLength(8)
    expect(clientOf(start)).toEqual({ name, version })
  })

  test('is named by its code when it is of the common form and not known', () => {
    expect(clientOf('-Zz1234-')).toEqual({ name: '-Zz-', version: '' })
    expect(clientOf('-XX0001-')).toEqual({ name: 'Xtorrent', version: '0.0' })
  })

  test.each([
    '\0\0\0\0\0\0\0\0',
    '-<b1234-',
    '-Zz12345',
    '-Zz1234',
    '--------',
    '-__proto',
    'Zz-1-2-3',
  ])('%j is nobody', (start) => expect(clientOf(start)).toEqual({ name: UNKNOWN, version: '' }))

  test('of a version that makes no sense has none', () => {
    expect(clientOf('-qB~~~~-')).toEqual({ name: 'qBittorrent', version: '' })
    expect(clientOf('-TR4"<>-').version).toBe('')
    expect(clientOf('-WWx208-').version).toBe('')
  })

  test('whatever bytes it is, is a name of the table or two letters, and a version of two numbers', () => {
    const names = new Set([...Object.values(AZUREUS_NAMES), ...Object.values(SHADOW_NAMES)])
    const random = randomWords(1)
    const codes = Object.keys(AZUREUS_NAMES)
    for (let i = 0; i < 200_000; i++) {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt32LE(random(), 0)
      bytes.writeUInt32LE(random(), 4)
      // Half of them of known forms, with any bytes as version.
      if (i % 4 === 0) bytes.write(`-${codes[random() % codes.length]}`, 'latin1')
      if (i % 4 === 1) bytes.set([45, 48 + (random() % 75), 48 + (random() % 75)])
      if (i % 8 === 1) bytes[7] = 45
      const { name, version } = clientOf(bytes.toString('latin1'))
      expect(version).toMatch(/^(\d{1,2}\.\d{1,2})?$/)
      if (!names.has(name) && !/^[\wµ][\w µ!:'()./+-]*$/.test(name)) {
        expect(name).toMatch(/^-[0-9A-Za-z]{2}-$/)
      }
    }
  })
})

test('every style belongs to a known client, and codes have two characters', () => {
  for (const code of Object.keys(AZUREUS_STYLES)) expect(AZUREUS_NAMES).toHaveProperty(code)
  for (const code of Object.keys(AZUREUS_NAMES)) expect(code).toHaveLength(2)
})
