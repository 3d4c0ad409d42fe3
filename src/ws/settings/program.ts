// The executable aquatic_ws for the command line: its settings with all checks, its name and flags. Used by
// main.ts, and by the script that writes its manual.

import { defineSettings } from '../../config/schema.ts'
import { HEALTH_CHECK } from '../../process/health-check.ts'
import { TLS_COMMON } from '../../tracker/common-settings.ts'
import { wsSchema } from './config.ts'
import { crossCheck } from './config-checks.ts'
import { retiredKeys } from './retired-keys.ts'

export const wsSettings = defineSettings({
  schema: wsSchema,
  retired: retiredKeys,
  crossCheck,
  common: TLS_COMMON,
})

export const wsProgram = {
  name: 'aquatic_ws',
  description: 'WebTorrent tracker, over WebSocket',
  settings: wsSettings,
  flags: [HEALTH_CHECK],
}
