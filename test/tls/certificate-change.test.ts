import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { CertificateChange, type NewCertificates } from '../../src/tls/certificate-change.ts'
import { Certificates } from '../support/certificates.ts'

const files = new Certificates()
let lines: string[] = []
let told: NewCertificates[] = []
const add = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
const log = {
  error: add('error'),
  warn: add('warn'),
  info: add('info'),
  debug: add('debug'),
  trace: add('trace'),
  always: (level: string, text: string) => add(level)(text),
}

beforeAll(() => files.make('ec', 'ec'))
afterAll(() => files.remove())
beforeEach(() => {
  lines = []
  told = []
})

function change(
  workers: number,
  tell = (message: NewCertificates): void => void told.push(message),
): CertificateChange {
  const settings = {
    use_tls: true,
    tls_certificate_path: files.path('ec.pem'),
    tls_private_key_path: files.path('ec-key.pem'),
    tls_pkcs12_path: '',
    tls_pkcs12_password: '',
  }
  return new CertificateChange(settings, workers, log, tell)
}

test('an error that nobody thought of is told, and leaves what is in force', () => {
  const certificates = change(1, () => {
    throw new RangeError('of a library')
  })
  expect(certificates.begin()).toBe(false)
  expect(lines).toEqual(['error the certificate stays as it was: of a library'])
})

test('what all workers refuse is told once, when all have answered', () => {
  const certificates = change(2)
  certificates.begin()
  const { attempt } = told[0]
  certificates.answered({ attempt, worker: 1, refusal: 'no port' })
  expect(lines).toEqual([])
  certificates.answered({ attempt, worker: 0, refusal: 'no port' })
  expect(lines).toEqual(['error the certificate stays as it was: no port'])
})

test('which workers refused is told when others took them', () => {
  const certificates = change(4)
  certificates.begin()
  const { attempt } = told[0]
  for (const worker of [3, 2, 1, 0]) {
    certificates.answered({ attempt, worker, refusal: worker % 2 === 0 ? null : `${worker}` })
  }
  expect(lines).toEqual([
    'error the certificate stays as it was in socket worker 2, 4, so clients see both: 3',
  ])
})

test('answers to an earlier signal do not count for a later one', () => {
  const certificates = change(1)
  certificates.begin()
  certificates.begin()
  expect(told.map(({ attempt }) => attempt)).toEqual([1, 2])
  certificates.answered({ attempt: 1, worker: 0, refusal: 'early' })
  expect(lines).toEqual([])
  certificates.answered({ attempt: 2, worker: 0, refusal: 'late' })
  expect(lines).toEqual(['error the certificate stays as it was: late'])
})

test('files that are wrong go to no worker', () => {
  const certificates = change(1)
  const key = files.read('ec-key.pem')
  files.write('ec-key.pem', key.slice(0, -40))
  certificates.begin()
  files.write('ec-key.pem', key)
  expect(told).toEqual([])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^error the certificate stays as it was: .* does not end/)
})
