// The settings section [statistics], the same in every tracker. Used by the protocols' config.ts.
import { section } from '../config/schema.ts'
import { seconds } from '../config/setting.ts'

const DAY_SEC = 86400

export const statisticsSettings = section('Figures about the work done.', {
  interval: seconds(
    0,
    { min: 0, max: DAY_SEC },
    `Write a table of statistics to standard error this often (seconds). 0 = off.

    It tells what was done since the one before it: requests and responses per second by type, bytes,
    what was refused by reason, and what explains loss; and how many torrents and peers there are now.`,
  ),
})
