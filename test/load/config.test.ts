import { loadSettings as httpLoadSettings } from '../../load/http/config.ts'
import { loadSettings as udpLoadSettings } from '../../load/udp/config.ts'
import { loadSettings as wsLoadSettings } from '../../load/ws/config.ts'
import { defaultsOf } from '../../src/config/schema.ts'
import { settingsContract } from '../contract/settings.ts'

settingsContract('aquatic_http_load_test', httpLoadSettings, defaultsOf(httpLoadSettings.schema))
settingsContract('aquatic_udp_load_test', udpLoadSettings, defaultsOf(udpLoadSettings.schema))
settingsContract('aquatic_ws_load_test', wsLoadSettings, defaultsOf(wsLoadSettings.schema))
