using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>Why a request, or one picture of it, is not answered as it was asked.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="reason">A word for programs, such as <c>too_many_items</c>.</param>
/// <param name="message">One line for a person.</param>
/// <param name="hint">What the client can do; null for nothing.</param>
internal sealed class RequestFailure(int status, string reason, string message, string? hint = null) : Exception(message)
{
    public int Status => status;

    public string Reason => reason;

    public string? Hint => hint;

    /// <summary>The parameter that is wrong, for OpenAI's clients.</summary>
    public string? Parameter { get; init; }

    /// <summary>Whether the client may try again a little later.</summary>
    public bool IsTemporary => status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable;

    public static RequestFailure Invalid(string message, string? parameter = null, string? hint = null) =>
        new(StatusCodes.Status400BadRequest, "invalid_request", message, hint) { Parameter = parameter };

    public static RequestFailure TooLarge(long most) => new(
        StatusCodes.Status413PayloadTooLarge,
        "body_too_large",
        $"the body is too large (expected at most {most} bytes)",
        "send smaller pictures, or fewer at once");

    public static RequestFailure UnsupportedType(string message, string? hint = null) =>
        new(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", message, hint);

    public static RequestFailure TooSlow(TimeSpan patience) => new(
        StatusCodes.Status408RequestTimeout, "body_too_slow", $"the body did not arrive within {patience.TotalSeconds:0.#} s");

    public static RequestFailure TooManyItems(int most, long found) => new(
        StatusCodes.Status422UnprocessableEntity,
        "too_many_items",
        $"too many pictures in one request (expected at most {most}, found {found})",
        "send them in several requests");

    /// <summary>A vector that cannot be sent or stored as float16.</summary>
    public static RequestFailure NoHalf(string what, float value, string hint) => new(
        StatusCodes.Status422UnprocessableEntity,
        "value_too_large",
        string.Create(CultureInfo.InvariantCulture, $"{what}: a value of {value} does not fit float16, which ends at {Half.MaxValue}"),
        hint);

    public static RequestFailure Stopping() =>
        new(StatusCodes.Status503ServiceUnavailable, "stopping", "the server is stopping");

    public static RequestFailure Busy(string message) =>
        new(StatusCodes.Status429TooManyRequests, "busy", message, "try again a little later");

    /// <summary>A picture that cannot be used, for the list of those that failed.</summary>
    public static RequestFailure Picture(string reason, string message, string? hint = null) =>
        new(StatusCodes.Status422UnprocessableEntity, reason, message, hint);
}
