/** Names of the API's types that the Crate uses. */

import type { Schemas } from "../data/api";

export type Collection = Schemas["Collection"];
export type Facets = Schemas["Facets"];
export type Item = Schemas["Item"];
export type ItemsEdit = Schemas["ItemsEdit"];
export type SearchHit = Schemas["SearchHit"];
export type SearchResult = Schemas["SearchResult"];
export type SoundClass = Schemas["SoundClass"];
export type TrayPlace = Schemas["TrayPlace"];
export type Understood = Schemas["Understood"];
