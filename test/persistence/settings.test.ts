// The section [persistence] as each tracker explains it.
import { expect, test } from 'bun:test'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { loadSettings } from '../../src/config/load.ts'
import { entriesOf, type Schema, type Settings } from '../../src/config/schema.ts'
import { httpProgram } from '../../src/http/settings/config.ts'
import { udpProgram } from '../../src/udp/settings/config.ts'
import { wsProgram } from '../../src/ws/settings/program.ts'

test.each([
  [udpProgram, ['key', 'snapshot']],
  [httpProgram, ['key', 'snapshot']],
  [wsProgram, ['counts']],
  [aquaticTracker, ['counts', 'key', 'snapshot']],
] as const)('names the files of that tracker (%#)', ({ name, settings }, endings) => {
  const entry = entriesOf(settings.schema).find(({ path }) => path === 'persistence.path')
  const files = entry?.setting.explanation.match(/\baquatic\w*\.[a-z]+/g)
  expect([...new Set(files)].sort()).toEqual(endings.map((ending) => `${name}.${ending}`))
})

test.each([udpProgram, httpProgram, wsProgram, aquaticTracker])(
  'warns of a take-over without a folder (%#)',
  (program) => {
    const settings = program.settings as unknown as Settings<Schema>
    const warningsWith = (path: string) => {
      const environment = { AQUATIC_PERSISTENCE_TAKE_OVER: 'true', AQUATIC_PERSISTENCE_PATH: path }
      return loadSettings(settings, null, environment).warnings
    }
    expect(warningsWith('')).toEqual([
      expect.stringContaining('[persistence] take_over has no effect without path'),
    ])
    expect(warningsWith('/var/lib/aquatic')).toEqual([])
  },
)
