using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// Kestrel's own limit of a body's pace: by itself it ends a body that rests for five seconds, and with HTTP/2 the
/// connection with all other requests on it.
/// </summary>
internal static class BodyRate
{
    /// <summary>Turns it off, for a body whose time is bounded as a whole. It counts from the first read on.</summary>
    public static void TurnOff(HttpContext context)
    {
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
    }
}
