// The compose file as Compose reads it: merged by the rules of YAML, then each way to run the tracker. Where Docker Compose is
// installed, it checks the file too.
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FILE = join(import.meta.dir, '../../packaging/container/compose.yaml')
const CONTAINERFILE = readFileSync(join(FILE, '../Containerfile'), 'utf8')

interface Service {
  readonly container_name: string
  readonly environment: Record<string, string>
  readonly network_mode?: string
  readonly networks?: string[]
  readonly ports?: string[]
  readonly profiles?: string[]
  readonly volumes: string[]
  readonly healthcheck: { readonly test: string[] }
  readonly [key: string]: unknown
}

interface Compose {
  readonly services: Record<string, Service>
  readonly networks: Record<
    string,
    { enable_ipv6: boolean; ipam: { config: { subnet: string }[] } }
  >
  readonly volumes: Record<string, unknown>
}

const compose = Bun.YAML.parse(readFileSync(FILE, 'utf8')) as Compose
const names = Object.keys(compose.services)

describe.each(names)('%s', (name) => {
  const service = compose.services[name]

  test('is locked in', () => {
    expect(service).toMatchObject({
      user: '65532:65532',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
      stop_grace_period: '60s',
    })
    expect(service).not.toHaveProperty('privileged')
    expect(service).not.toHaveProperty('cap_add')
    for (const limit of ['pids_limit', 'mem_limit', 'ulimits', 'logging']) {
      expect(service).toHaveProperty(limit)
    }
  })

  test('is checked as the image says', () => {
    const [, said] = /HEALTHCHECK .*CMD (\[.*\])/.exec(CONTAINERFILE) ?? []
    expect(service.healthcheck.test).toEqual(['CMD', ...JSON.parse(said)])
  })

  test('keeps its state, and reads certificates', () => {
    expect(service.environment.AQUATIC_PERSISTENCE_PATH).toBe('/data')
    expect(service.volumes[0]).toBe('data:/data')
    expect(service.volumes[1]).toEndWith(':/certificates:ro')
    expect(Object.keys(compose.volumes)).toEqual(['data'])
  })

  test('has settings that the tracker knows', async () => {
    const { code, stderr } = await checkSettings(service.environment)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

/** By the program itself, with a folder of this machine's. */
async function checkSettings(environment: Record<string, string>) {
  const env = { ...environment, AQUATIC_PERSISTENCE_PATH: tmpdir() }
  const entry = join(import.meta.dir, '../../bin/aquatic.ts')
  const child = Bun.spawn([process.execPath, entry, '-P'], {
    env,
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const stderr = await new Response(child.stderr).text()
  return { code: await child.exited, stderr }
}

test('by default one runs, with the network of the host', () => {
  const byDefault = names.filter((name) => compose.services[name].profiles === undefined)
  expect(byDefault).toEqual(['tracker'])
  expect(compose.services.tracker.network_mode).toBe('host')
})

test('the two of an upgrade differ in name only', () => {
  const { tracker, 'tracker-b': b } = compose.services
  const { container_name: one, ...first } = tracker
  const { container_name: other, profiles, ...second } = b
  expect([one, other, profiles]).toEqual(['aquatic-a', 'aquatic-b', ['upgrade']])
  expect(second).toEqual(first)
  expect(tracker.environment.AQUATIC_PERSISTENCE_TAKE_OVER).toBe('true')
})

test('the bridge has both address families, and all ports of the image', () => {
  const bridge = compose.services['tracker-bridge']
  const [, exposed] = /^EXPOSE (.*)$/m.exec(CONTAINERFILE) ?? []
  const published = (bridge.ports ?? []).map((port) => port.replace(/^(\d+):\1\//, '$1/'))
  expect(published.sort()).toEqual(exposed.split(' ').sort())
  expect(bridge.networks).toEqual(['tracker'])
  const { enable_ipv6, ipam } = compose.networks.tracker
  expect(enable_ipv6).toBe(true)
  expect(ipam.config.map(({ subnet }) => subnet.includes(':'))).toEqual([false, true])
})

const hasCompose = Bun.which('docker') !== null && composeVersion() === 0
const skipped = hasCompose ? '' : ' (skipped: no Docker Compose)'

function composeVersion(): number {
  return Bun.spawnSync(['docker', 'compose', 'version']).exitCode
}

test.skipIf(!hasCompose)(`Docker Compose accepts it${skipped}`, () => {
  const command = ['docker', 'compose', '-f', FILE, '--profile', '*', 'config', '--quiet']
  const { exitCode, stderr } = Bun.spawnSync(command)
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
})
