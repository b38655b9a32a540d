using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>How attention is sent: as a PNG, or as a <c>.npy</c> array of float32.</summary>
internal static class AttentionFormat
{
    /// <summary>The media type of the picture.</summary>
    public const string Png = "image/png";

    /// <summary>Parameters that have an effect on a picture only.</summary>
    private static readonly string[] OfPictures = ["map", "overlay"];

    /// <summary>Whether a client likes values better; a picture if it does not say.</summary>
    /// <exception cref="RequestFailure">It accepts neither.</exception>
    public static bool IsValues(HttpRequest request)
    {
        var accepted = AcceptedTypes.Of(request);
        if (accepted.IsEmpty)
            return false;
        (double values, int? npy) = accepted.Of(
            "application", range => VectorFormat.Known(range) is { Container: VectorContainer.Npy, IsHalf: false });
        (double picture, _) = accepted.Of("image", range => AcceptedTypes.Is(range, Png));
        if (values == 0 && picture == 0)
        {
            throw new RequestFailure(
                StatusCodes.Status406NotAcceptable,
                "not_acceptable",
                $"expected Accept: {Png}, or {VectorFormat.Npy}, which has float32 only");
        }

        return values > picture || (values == picture && npy is not null); // who names arrays wants one
    }

    /// <summary>Refuses parameters that say how a picture is drawn, for an answer that is none.</summary>
    /// <exception cref="RequestFailure">There is one.</exception>
    public static void RefuseDrawing(HttpRequest request)
    {
        if (Array.Find(OfPictures, name => Query.Text(request, name) is not null) is not { } drawn)
            return;
        throw RequestFailure.Invalid(
            $"{drawn}: values in {VectorFormat.Npy} are not drawn", drawn, $"omit {drawn}, or send Accept: {Png}");
    }
}
