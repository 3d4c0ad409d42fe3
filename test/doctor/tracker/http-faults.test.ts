// Every conformance check of HTTP can fail: with its fault planted in a small tracker it does, without it does not.
import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'
import { checksOf } from '../../../doctor/tracker/conformance.ts'
import { Certificates } from '../../support/certificates.ts'
import { HTTP_FAULTS } from './http-faults.ts'
import { type HttpFault, HttpTracker } from './http-tracker.ts'
import { outcomesAt } from './planted.ts'

const certificates = new Certificates()
certificates.makeNamed('tracker', 'tracker.test')
afterAll(() => certificates.remove())
const PEM = {
  cert: readFileSync(certificates.path('tracker.pem')),
  key: readFileSync(certificates.path('tracker-key.pem')),
}

const TLS_FAULTS: Readonly<Record<string, TlsOptions>> = {
  'http/tls/1.2': { minVersion: 'TLSv1.3' },
  'http/tls/1.3': { maxVersion: 'TLSv1.2' },
  'http/tls/not-1.1': { minVersion: 'TLSv1.1' },
  'http/tls/no-http-2': { ALPNProtocols: ['h2', 'http/1.1'] },
}

async function outcomesWith(fault: HttpFault, only?: string) {
  const tracker = await HttpTracker.open(fault)
  try {
    const protocol = fault.tls === undefined ? 'http' : 'https'
    return await outcomesAt(`${protocol}://127.0.0.1:${tracker.port}/announce`, only)
  } finally {
    tracker.close()
  }
}

const NAMES = checksOf('http').map(({ name }) => name)

test('the small tracker is right without a fault', async () => {
  const outcomes = await outcomesWith({ tls: PEM })
  expect(outcomes.filter(({ result }) => result !== 'pass')).toEqual([])
}, 180_000)

test.each(NAMES.filter((name) => !name.startsWith('http/tls/')))(
  '%s sees its fault',
  async (name) => {
    expect(Object.keys(HTTP_FAULTS)).toContain(name)
    const [outcome] = await outcomesWith(HTTP_FAULTS[name], name)
    expect(outcome).toMatchObject({ name, result: 'fail' })
  },
  180_000,
)

describe('over TLS', () => {
  test.each(NAMES.filter((name) => name.startsWith('http/tls/')))(
    '%s sees its fault',
    async (name) => {
      expect(Object.keys(TLS_FAULTS)).toContain(name)
      const [outcome] = await outcomesWith({ tls: { ...PEM, ...TLS_FAULTS[name] } }, name)
      expect(outcome).toMatchObject({ name, result: 'fail' })
    },
    180_000,
  )
})

test('no fault is of a check that there is not', () => {
  const all = [...Object.keys(HTTP_FAULTS), ...Object.keys(TLS_FAULTS)]
  expect(all.filter((name) => !NAMES.includes(name))).toEqual([])
})
