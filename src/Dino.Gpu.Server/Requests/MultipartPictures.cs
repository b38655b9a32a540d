using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Dino.Gpu.Server.Requests;

/// <summary>The files of a form (RFC 7578). They stay in memory; their names are only repeated.</summary>
internal static partial class MultipartPictures
{
    private const int MostHeaders = 16;
    private const int LongestHeaders = 8 << 10;
    private const int LongestBoundary = 70; // RFC 2046
    private const int LongestName = 1024;
    private const string FileName = "filename";

    /// <summary>Whether a request has such a body.</summary>
    public static bool IsOne(HttpRequest request) =>
        request.ContentType?.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Reads all files.</summary>
    /// <exception cref="RequestFailure">There is none, there are too many, or the form is damaged.</exception>
    public static async Task<IReadOnlyList<PictureInput>> ReadAsync(HttpRequest request, LimitedBody body, DinoServerOptions options)
    {
        string? boundary = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            ? HeaderUtilities.RemoveQuotes(type.Boundary).Value
            : null;
        if (string.IsNullOrEmpty(boundary) || boundary.Length > LongestBoundary)
            throw RequestFailure.Invalid("the form has no boundary, or one that is too long");
        var reader = new MultipartReader(boundary, body)
        {
            HeadersCountLimit = MostHeaders,
            HeadersLengthLimit = LongestHeaders,
            BodyLengthLimit = options.MaxBodyBytes,
        };
        var pictures = new List<PictureInput>();
        try
        {
            while (await reader.ReadNextSectionAsync().ConfigureAwait(false) is { } section)
            {
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
                {
                    throw RequestFailure.Invalid(
                        $"the form has a part without a Content-Disposition that can be read, behind {pictures.Count} files",
                        hint: "expected form-data; name=\"files\"; filename=\"cat.jpg\", with the names in quotes");
                }

                if (!disposition.Parameters.Any(IsFileName))
                    continue; // a field: nothing here has one
                if (pictures.Count == options.MaxItems)
                    throw RequestFailure.TooManyItems(options.MaxItems, pictures.Count + 1);
                string? name = disposition.FileNameStar.Value ?? Unescaped(disposition.FileName.Value);
                ReadOnlyMemory<byte> file = await body.ReadAllAsync(section.Body).ConfigureAwait(false);
                if (string.IsNullOrEmpty(name) && file.IsEmpty)
                    continue; // what browsers send where no file was chosen
                pictures.Add(new PictureInput(name?.Length > LongestName ? name[..LongestName] : name, file));
            }
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException && failure is not BadHttpRequestException)
        {
            throw RequestFailure.Invalid("the form is damaged, or ends before its last boundary");
        }

        return pictures.Count > 0
            ? pictures
            : throw RequestFailure.Invalid("the form has no file", hint: "send one or more parts with a filename");
    }

    /// <summary>Whether a parameter of a part is a file's name, in either of its forms. The name may be empty.</summary>
    private static bool IsFileName(NameValueHeaderValue parameter) =>
        parameter.Name.Equals(FileName, StringComparison.OrdinalIgnoreCase)
            || parameter.Name.Equals(FileName + "*", StringComparison.OrdinalIgnoreCase);

    /// <summary>A name that stood in quotes. A backslash before anything else is part of a path of Windows.</summary>
    private static string? Unescaped(string? name) => name is null ? null : EscapedCharacter().Replace(name, "$1");

    [GeneratedRegex("""\\(["\\])""")]
    private static partial Regex EscapedCharacter();
}
