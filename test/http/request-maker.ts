// Requests as clients send them, and mutations of them, from a seed. Used by any-request.test.ts.
import { randomWords } from '../support/random.ts'

const METHODS = [
  'GET',
  'GET',
  'GET',
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'get',
  'OPTIONS',
  'X'.repeat(21),
]
const PATHS = [
  ...Array<string>(12).fill('/announce'),
  ...Array<string>(5).fill('/scrape'),
  '/',
  '/health',
  '/status.json',
  '/announce/',
  '/0123456789abcdef/announce',
  '/announce/0123456789abcdef',
  '/key/scrape',
  '/scrape/key',
  '/favicon.ico',
  '/a/b/announce',
  '//announce',
  '/announce/announce',
  `/${'k'.repeat(129)}/announce`,
  '',
]
const ORIGINS = [
  '',
  '',
  '',
  '',
  '',
  'http://tracker.example.com:80',
  'HTTPS://[2001:db8::1]',
  'http://',
]
const VERSIONS = [
  ...Array<string>(12).fill('HTTP/1.1'),
  'HTTP/1.0',
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/1.2',
  'http/1.1',
  'HTTP/1.1 ',
  '',
]
const FIELDS = [
  'Host: tracker.example.com',
  'User-Agent: qBittorrent/4.6.5',
  'Accept-Encoding: deflate, gzip',
  'Connection: close',
  'connection: Keep-Alive',
  'CONNECTION: x, close ,y',
  'Connection:keep-alive',
  'Connection: close x',
  'Content-Length: 0',
  'content-length: 7',
  'Content-Length: 5, 5',
  'Content-Length: -1',
  'Content-Length:',
  'Content-Length: 1234567890123456',
  'Transfer-Encoding: chunked',
  'X-Forwarded-For: 192.0.2.1, 198.51.100.7',
  'x-forwarded-for:2001:db8::5',
  'X-Empty:',
  'X-Raw: \xe4\xff',
]
const BAD_FIELDS = [
  ' folded',
  'No colon',
  'Space : before',
  ': no name',
  'X: a\rb',
  'X: a\0b',
  'X\xe4: b',
]
const ADDRESSES = [
  '192.0.2.9',
  '192.0.2.9:6881',
  '2001:db8::9',
  '2001%3Adb8%3a%3A9',
  '[2001:db8::9]:51413',
  '%5B2001%3Adb8%3A%3A9%5D',
  '::ffff:192.0.2.9',
  '::',
  '1:2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7::',
  '::2:3:4:5:6:7:8',
  '1:2:3:4:5:6:192.0.2.9',
  '1::2::3',
  '1:2:3',
  '12345::',
  '256.1.1.1',
  '1.2.3',
  '01.2.3.4',
  '1.2.3.4.5',
  '[1.2.3.4]',
  'tracker.example.com',
  'fe80::1%25eth0',
  '',
  ':',
  ':1',
  '1:',
  '::1.2.3.4:5',
]
const EVENTS = [
  'started',
  'stopped',
  'completed',
  'paused',
  '',
  'Stopped',
  'stoppe',
  'stopped2',
  '%73topped',
]
const NUMBERS = [
  '0',
  '1',
  '50',
  '200',
  '-1',
  '',
  '00',
  '2147483648',
  '18446744073709551616',
  '1e3',
  '5%30',
  '+7',
]
const PORTS = ['6881', '51413', '65535', '65536', '0', '1', '', 'x', '00080']
const NAMES = [
  'info_hash',
  'peer_id',
  'port',
  'left',
  'uploaded',
  'downloaded',
  'compact',
  'no_peer_id',
  'numwant',
  'event',
  'key',
  'ip',
  'ipv4',
  'ipv6',
  'Info_hash',
  'info%5fhash',
  'trackerid',
  '',
]
const UNRESERVED = /[A-Za-z0-9\-_.~!*()]/

export class RequestMaker {
  private readonly random: () => number

  constructor(seed: number) {
    this.random = randomWords(seed)
  }

  /** A request of a client, complete and right. */
  makeValid(): string {
    const scrape = this.below(4) === 0
    const query = scrape
      ? Array.from({ length: 1 + this.below(60) }, () => `info_hash=${this.id()}`)
      : [
          `info_hash=${this.id()}`,
          `peer_id=${this.id()}`,
          `port=${1 + this.below(65535)}`,
          `left=${this.below(3)}`,
          `event=${this.pick(['started', 'stopped', 'completed', 'paused'])}`,
        ]
    const end = this.pick(['\r\n', '\n'])
    const fields = FIELDS.slice(0, 5).filter(() => this.below(2) === 0)
    const line = `GET ${scrape ? '/scrape' : '/announce'}?${query.join('&')} ${this.pick(['HTTP/1.1', 'HTTP/1.0'])}`
    return [line, ...fields, '', ''].join(end)
  }

  /** Any request: right, odd, or mutated. */
  make(): string {
    let text = this.below(8) === 0 ? this.makeValid() : this.makeOdd()
    if (this.below(400) === 0) text = text.replace(/[?/]/, (part) => part + 'x'.repeat(17000))
    if (this.below(400) === 0) text = text.replace(/\n/, `\nLong: ${'y'.repeat(25000)}\r\n`)
    if (this.below(400) === 0) text = `${'\r\n'.repeat(this.below(4))}${text}`
    if (this.below(4) !== 0) return text
    for (let changes = this.below(4); changes >= 0; changes--) text = this.mutated(text)
    return text
  }

  private makeOdd(): string {
    const query = Array.from({ length: this.below(14) }, () => this.parameter())
    if (this.below(2) === 0) {
      query.push(`info_hash=${this.id()}`, `port=${this.pick(PORTS)}`, `left=${this.pick(NUMBERS)}`)
    }
    const target = `${this.pick(ORIGINS)}${this.pick(PATHS)}${this.pick(['?', '?', '?', '', '?&'])}${query.join('&')}`
    const end = this.pick(['\r\n', '\r\n', '\n'])
    const fields = Array.from({ length: this.below(6) }, () =>
      this.pick(this.below(30) === 0 ? BAD_FIELDS : FIELDS),
    )
    const line = `${this.pick(METHODS)} ${target} ${this.pick(VERSIONS)}`
    const body = this.below(8) === 0 ? 'GET /scrape HTTP/1.1\r\n\r\n' : ''
    return [line, ...fields, '', ''].join(end) + body
  }

  private parameter(): string {
    const name = this.pick(NAMES)
    if (this.below(20) === 0) return name
    return `${name}=${this.valueFor(name)}`
  }

  private valueFor(name: string): string {
    switch (name) {
      case 'info_hash':
      case 'peer_id':
        return this.below(12) === 0 ? this.id().slice(this.below(5)) : this.id()
      case 'port':
        return this.pick(PORTS)
      case 'event':
        return this.pick(EVENTS)
      case 'ip':
      case 'ipv4':
      case 'ipv6':
        return this.pick(ADDRESSES)
      default:
        return this.pick(NUMBERS)
    }
  }

  /** 20 bytes, few different ones, as clients encode them. */
  private id(): string {
    const first = this.below(40)
    const style = this.below(4)
    return Array.from({ length: 20 }, (_, i) => {
      const byte = (first * (i + 1) * 37) & 255
      const raw = String.fromCharCode(byte)
      if (style === 3 && byte >= 0x80) return raw
      if (UNRESERVED.test(raw) && this.below(20) !== 0) return raw
      const digits = byte.toString(16).padStart(2, '0')
      return `%${style === 0 ? digits.toUpperCase() : digits}`
    }).join('')
  }

  private mutated(text: string): string {
    const at = this.below(text.length + 1)
    const byte = String.fromCharCode(
      this.below(3) === 0 ? this.below(256) : '\r\n :&=?/%+#\0\t0'.charCodeAt(this.below(14)),
    )
    switch (this.below(5)) {
      case 0:
        return text.slice(0, at)
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + this.below(4))
      case 2:
        return text.slice(0, at) + byte + text.slice(at)
      case 3: {
        const part = text.slice(at, at + this.below(80))
        return text.slice(0, at) + part + text.slice(at)
      }
      default:
        return text.slice(0, at) + byte + text.slice(at + 1)
    }
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  private below(bound: number): number {
    return this.random() % bound
  }
}
