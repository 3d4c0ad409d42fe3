// Certificates and keys: every form of file, and what is told about wrong ones.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTlsFiles, tlsWarnings } from '../../src/tls/tls.ts'
import { TlsError } from '../../src/tls/tls-file.ts'
import { Certificates } from '../support/certificates.ts'

const files = new Certificates()
const PASSWORD = 'pass word \u00e9'

beforeAll(() => {
  files.make('ec', 'ec')
  files.make('rsa', 'rsa')
  files.make('other', 'ec')
  files.make('pss', 'rsa signed with PSS')
  files.make('ed25519', 'ed25519')
  files.make('p224', 'ec of a curve without use')
  files.make('short', 'rsa of 512 bits')
})
afterAll(() => files.remove())

const NONE = {
  tls_certificate_path: '',
  tls_private_key_path: '',
  tls_pkcs12_path: '',
  tls_pkcs12_password: '',
}
const said: string[] = []
const say = (text: string) => said.push(text)
const pem = (cert: string, key: string) =>
  readTlsFiles({ ...NONE, tls_certificate_path: cert, tls_private_key_path: key }, say)
const pkcs12 = (path: string, password: string) =>
  readTlsFiles({ ...NONE, tls_pkcs12_path: path, tls_pkcs12_password: password }, say)

/** The common name of the first certificate, and how many there are. */
function summary({ cert }: { cert: string }): [string, number] {
  const all = cert.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return [new X509Certificate(String(all[0])).subject, all.length]
}

function messageOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(TlsError)
    return (error as TlsError).message
  }
  throw new Error('it was accepted')
}

describe('files in PEM', () => {
  test.each(['ec', 'rsa'])('with an %s key, PKCS#8 or older, are read', (name) => {
    const cert = files.path(`${name}.pem`)
    for (const key of [files.path(`${name}-key.pem`), files.makeTraditional(name)]) {
      expect(summary(pem(cert, key))).toEqual([`CN=${name}`, 1])
    }
  })

  test('keep their chain', () => {
    const chain = files.write('chain.pem', files.read('ec.pem') + files.read('other.pem'))
    expect(summary(pem(chain, files.path('ec-key.pem')))).toEqual(['CN=ec', 2])
  })

  test('are warned of when any certificate of the chain has expired, the server taking it', () => {
    files.make('old', 'ec')
    files.expire('old')
    const chain = files.write('old-chain.pem', files.read('ec.pem') + files.read('old.pem'))
    const warnings = tlsWarnings(pem(chain, files.path('ec-key.pem')))
    expect(warnings).toEqual([
      expect.stringMatching(
        /^certificate 2 of the chain \(CN=old\) has expired, on .* GMT: renew it$/,
      ),
    ])
    expect(tlsWarnings(pem(files.path('ec.pem'), files.path('ec-key.pem')))).toEqual([])
  })

  test('are read past what else stands in them', () => {
    const key = files.read('ec-key.pem')
    const both = files.write('both.pem', `subject=CN = ec\n${files.read('ec.pem')}${key}`)
    expect(summary(pem(both, both))).toEqual(['CN=ec', 1])
    const x509 = files.read('ec.pem').replaceAll('CERTIFICATE', 'X509 CERTIFICATE')
    const path = files.write('x509.pem', x509 + files.read('other.pem').replaceAll('\n', '\r\n'))
    expect(summary(pem(path, both))).toEqual(['CN=ec', 2])
  })

  test('whose chain would be shorter than the file are refused, with the line', () => {
    const [first, second] = [files.read('ec.pem'), files.read('other.pem')]
    const line = first.split('\n').length
    const lines = second.trimEnd().split('\n')
    const der = Buffer.from(lines.slice(1, -1).join(''), 'base64')
    const longer = Buffer.concat([der, Buffer.of(5, 0)]).toString('base64')
    const cases = [
      [second.slice(0, -300), 'does not end'],
      [second.slice(0, 20), 'is a damaged boundary'],
      [second.slice(10), 'belongs to a block whose BEGIN is missing', 1],
      [lines.toSpliced(3, 1).join('\n'), 'the certificate that begins in'],
      [`${lines[0]}\n${longer}\n${lines.at(-1)}`, 'the certificate that begins in'],
      [second.replace('\n', '\nA: b\n\n'), 'the certificate that begins in'],
      [second.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), 'that is no certificate'],
      [second.replaceAll('CERTIFICATE', 'PKCS7'), 'that is no certificate'],
      ['\0'.repeat(300), 'has a byte of value 0'],
    ] as const
    for (const [rest, words, more = 0] of cases) {
      const path = files.write('half.pem', first + rest)
      const message = messageOf(() => pem(path, files.path('ec-key.pem')))
      expect(message).toStartWith(`[network] tls_certificate_path '${path}': `)
      expect(message).toContain(words)
      expect(message).toContain(`line ${line + more} `)
    }
  })

  test('whose key is damaged are refused, without a word of it', () => {
    const key = files.read('rsa-key.pem')
    const cases = [
      [key.slice(0, -200), 'does not end'],
      [key.replace('\nM', '\n!'), 'is not base64'],
      [key.split('\n').toSpliced(5, 1).join('\n'), 'holds no private key'],
    ]
    for (const [text, words] of cases) {
      const message = messageOf(() => pem(files.path('rsa.pem'), files.write('half-key.pem', text)))
      expect(message).toContain(words)
      const bodies = text.split('\n').filter((line) => line.length > 20 && !line.startsWith('--'))
      for (const body of bodies) expect(message).not.toContain(body.slice(0, 20))
    }
  })

  test('that the server could not use are refused', () => {
    const [p224, short] = ['p224', 'short'].map((name) => {
      return messageOf(() => pem(files.path(`${name}.pem`), files.path(`${name}-key.pem`)))
    })
    expect(p224).toMatch(/p224\.pem' \(ec\) cannot be used for TLS here: .*UNSUPPORTED_ALGORITHM/)
    expect(short).toContain("short.pem' has 512 bits, too few for TLS")
  })

  test('that are no regular files are refused at once', () => {
    const fifo = files.path('fifo')
    Bun.spawnSync(['mkfifo', fifo])
    expect(messageOf(() => pem(fifo, files.path('ec-key.pem')))).toContain('it is a pipe, and only')
    const zero = messageOf(() => pem(files.path('ec.pem'), '/dev/zero'))
    expect(zero).toContain('it is a device, and only')
    const long = files.write('long.pem', '#'.repeat(1_048_577))
    const message = messageOf(() => pem(long, files.path('ec-key.pem')))
    expect(message).toContain('it is longer than 1048576 bytes')
  })

  test('that are wrong are told apart', () => {
    const [cert, key] = [files.path('ec.pem'), files.path('ec-key.pem')]
    const junk = files.write('junk.pem', 'junk')
    expect(messageOf(() => pem(files.path('none.pem'), key))).toMatch(
      /none\.pem' cannot be read.*ENOENT/,
    )
    expect(messageOf(() => pem(cert, files.folder))).toContain('it is a directory')
    expect(messageOf(() => pem(junk, key))).toContain("junk.pem' holds no certificate")
    expect(messageOf(() => pem(cert, junk))).toContain("junk.pem' holds no private key")
    const locked = [
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n',
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n',
    ]
    for (const text of locked) {
      const path = files.write('locked.pem', text)
      const message = messageOf(() => pem(cert, path))
      expect(message).toMatch(/^the key in '.*locked\.pem' is encrypted, .*openssl pkey -in/)
    }
    expect(messageOf(() => pem(key, cert))).toContain('holds no certificate, but a private key')
    expect(messageOf(() => pem(cert, files.path('rsa-key.pem')))).toContain('is not that of')
    expect(messageOf(() => pem(cert, files.path('other-key.pem')))).toContain('is not that of')
  })
})

describe('a file in PKCS#12', () => {
  test.each(['ec', 'rsa', 'pss', 'ed25519'])(
    'with an %s key is read as it is, modern and old',
    (name) => {
      const bytes = new X509Certificate(files.read(`${name}.pem`)).fingerprint256
      for (const more of [[], ['-legacy'], ['-keypbe', 'NONE', '-certpbe', 'NONE'], ['-nomac']]) {
        const read = pkcs12(files.makePkcs12(name, PASSWORD, ...more), PASSWORD)
        expect(summary(read)).toEqual([`CN=${name}`, 1])
        expect(new X509Certificate(read.cert).fingerprint256).toBe(bytes)
      }
    },
  )

  test('is read when one of its parts is encrypted as ever and the other the modern way', () => {
    for (const more of ['-keypbe', '-certpbe']) {
      const path = files.makePkcs12('ec', PASSWORD, more, 'PBE-SHA1-3DES')
      expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
    }
  })

  // One of 256 ends like this. With the password in UTF-16, which only its check takes.
  test('is read when it ends in what looks like padding with a wrong key', () => {
    const path = join(import.meta.dir, '../fixtures/padding-by-chance.p12')
    expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
  })

  test('has its own certificate first, whatever the order', () => {
    const path = files.makePkcs12('ec', '', '-certfile', files.path('other.pem'))
    expect(summary(pkcs12(path, ''))).toEqual(['CN=ec', 2])
  })

  test.each(['sha1', 'sha256', 'sha384', 'sha512'])('is read when its check is of %s', (hash) => {
    const path = files.makePkcs12('ec', PASSWORD, '-macalg', hash, '-iter', '3000')
    expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
    expect(messageOf(() => pkcs12(path, 'another'))).toContain('that is not its password')
  })

  test('is read with a line end behind it, and with nothing else', () => {
    const bytes = readFileSync(files.makePkcs12('ec', PASSWORD))
    const behind = (text: string) => {
      return files.write('behind.p12', bytes.toString('latin1') + text, 'latin1')
    }
    for (const text of ['\n', '\r\n', '\n\n']) {
      expect(summary(pkcs12(behind(text), PASSWORD))).toEqual(['CN=ec', 1])
    }
    for (const text of ['\0', ' x\n', '0\0']) {
      expect(messageOf(() => pkcs12(behind(text), PASSWORD))).toContain('is no PKCS#12 file')
    }
    const cut = files.write('cut.p12', bytes.toString('latin1').slice(0, -1), 'latin1')
    expect(messageOf(() => pkcs12(cut, PASSWORD))).toContain('a part of one is missing')
  })

  // Derived in JavaScript, these rounds took most of a minute.
  test.each([
    ['of the newer encryption', []],
    ['of the older encryption', ['-legacy']],
  ])(
    'with a million rounds %s is read in a moment, after a word',
    (_name, more) => {
      const quick = files.makePkcs12('ec', PASSWORD, ...more)
      said.length = 0
      pkcs12(quick, PASSWORD)
      expect(said).toEqual([])
      const path = files.makePkcs12('ec', PASSWORD, ...more, '-iter', '1000000')
      const start = performance.now()
      expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
      expect(performance.now() - start).toBeLessThan(10_000)
      expect(said).toEqual([
        `reading '${path}', whose password takes 1000000 rounds: this may take some seconds`,
      ])
    },
    180_000,
  )

  test('that asks for more rounds than anybody waits for is refused', () => {
    const more = ['-certpbe', 'NONE', '-nomac', '-iter', '65537']
    const bytes = readFileSync(files.makePkcs12('ec', PASSWORD, ...more)).toString('hex')
    expect(bytes).toContain('0203010001')
    const text = Buffer.from(bytes.replaceAll('0203010001', '02037fffff'), 'hex').toString('latin1')
    const message = messageOf(() => pkcs12(files.write('rounds.p12', text, 'latin1'), PASSWORD))
    expect(message).toMatch(/asks for 8388607 rounds of its password, more than 8000000\. Make PEM/)
  })

  test('that is wrong is told', () => {
    const path = files.makePkcs12('rsa', PASSWORD)
    expect(messageOf(() => pkcs12(path, 'another'))).toContain('that is not its password')
    expect(messageOf(() => pkcs12(path, ''))).toContain('that is not its password')
    const unchecked = files.makePkcs12('rsa', PASSWORD, '-nomac')
    expect(messageOf(() => pkcs12(unchecked, 'another'))).toContain(
      'not its password, or it is damaged',
    )
    expect(messageOf(() => pkcs12(files.path('ec.pem'), ''))).toContain('is no PKCS#12 file')
    const other = files.write('integer.p12', '\x30\x03\x02\x01\x03')
    expect(messageOf(() => pkcs12(other, ''))).toContain('is no PKCS#12 file')
    expect(messageOf(() => pkcs12(files.path('none.p12'), ''))).toContain('ENOENT')
    const keyless = files.makePkcs12('rsa', PASSWORD, '-nokeys')
    expect(messageOf(() => pkcs12(keyless, PASSWORD))).toContain('holds no private key')
  })
})
