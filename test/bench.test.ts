import { expect, test } from 'bun:test'
import { resolve } from 'node:path'

// Benchmarks that nobody runs rot. A tiny run takes a second, and its checksum shows that it worked.
test.each([
  'access-keys',
  'channel',
  'cluster',
  'handle',
  'http-request',
  'snapshot',
  'swarm',
  'who-may',
  'ws-client',
  'ws-message',
])('bench/%s.ts runs', (name) => {
  const file = resolve(import.meta.dir, `../bench/${name}.ts`)
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, file, '--smoke'])
  expect(stderr.toString()).toBe('')
  expect(stdout.toString()).toMatch(/checksum -?\w+/)
  expect(exitCode).toBe(0)
})
