/**
 * What this page uses of the renderer. Its own declarations take the compiler half a minute, and
 * this one stands in front of them.
 */
declare module "@scalar/api-reference" {
  export function createApiReference(
    selector: string,
    configuration: {
      readonly url: string;
      readonly baseServerURL: string;
      readonly authentication: { readonly preferredSecurityScheme: string };
      /** May change the headers of a call before it is sent. */
      readonly onBeforeRequest: (call: { readonly request: Request }) => Promise<void>;
      readonly withDefaultFonts: boolean;
      readonly telemetry: boolean;
      readonly agent: { readonly disabled: boolean };
      readonly showDeveloperTools: "never";
      readonly hideClientButton: boolean;
      readonly operationTitleSource: "path";
      readonly documentDownloadType: "none";
      readonly defaultHttpClient: { readonly targetKey: string; readonly clientKey: string };
      readonly forceDarkModeState: "dark" | "light";
      readonly hideDarkModeToggle: boolean;
    },
  ): void;
}
