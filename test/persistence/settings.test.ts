// The section [persistence] as each tracker explains it.
import { expect, test } from 'bun:test'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { entriesOf } from '../../src/config/schema.ts'
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
