import { expect, test } from 'bun:test'
import { loadTester } from './tester.ts'

test.each([
  ['aquatic_http_load_test', '[closed_loop]\nconnections = 2', '[closed_loop] connections'],
  [
    'aquatic_http_load_test',
    "mode = 'open'\n[open_loop]\nconnections_max = 2",
    '[open_loop] connections_max',
  ],
  ['aquatic_ws_load_test', '[network]\nconnections = 2', '[network] connections'],
])('%s refuses a worker without a connection: %j', async (name, settings, key) => {
  const { code, stderr } = await loadTester(name)(`workers = 4\n${settings}\n`)
  expect(stderr).toContain(`${key} = 2 is less than workers = 4`)
  expect(code).toBe(1)
})
