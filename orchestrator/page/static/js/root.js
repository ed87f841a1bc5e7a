// Where the service is: three folders above this module, so that it works under any path prefix.
export const root = new URL("../../../", import.meta.url);
