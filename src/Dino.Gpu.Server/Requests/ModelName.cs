using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>The member <c>model</c> of a request.</summary>
internal static class ModelName
{
    /// <summary>Refuses every name but the served model's. It may be missing.</summary>
    /// <exception cref="RequestFailure">There is no such model here.</exception>
    public static void Check(JsonElement root, DinoServerOptions options)
    {
        if (root.Text("model") is not { } model || model == options.ModelId)
            return;
        throw new RequestFailure(
            StatusCodes.Status404NotFound,
            "model_not_found",
            $"there is no model {EmbeddingsRequest.Short(model)} (expected {options.ModelId})",
            "GET /v1/models lists the model")
        {
            Parameter = "model",
        };
    }
}
