using System.Security.Cryptography;
using System.Text;
using Dino.Gpu.Files;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>
/// The keys that clients may use, in <c>Authorization: Bearer KEY</c> or <c>X-Api-Key: KEY</c>. Only their digests are
/// kept. How long a comparison takes says nothing about them.
/// </summary>
internal sealed class ApiKeys
{
    private const string Bearer = "Bearer ";
    private const int ShortestKey = 16;
    private const int LargestFile = 1 << 20;

    private readonly byte[][] _digests;

    private ApiKeys(byte[][] digests) => _digests = digests;

    /// <summary>Reads the keys of the options' file; nobody needs one if there is no file.</summary>
    /// <exception cref="DinoException">The file cannot be read, or has no key, or a short one.</exception>
    public static ApiKeys Load(DinoServerOptions options)
    {
        if (options.ApiKeyFile is not { } path)
            return new ApiKeys([]);
        string[] keys = [.. Lines(path).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        if (keys.Length == 0)
            throw new DinoException($"{path}: expected one key a line, found none", "write one: openssl rand -hex 32");
        if (keys.Any(key => key.Length < ShortestKey))
            throw new DinoException($"{path}: a key is too short (expected {ShortestKey} characters or more)", "openssl rand -hex 32");
        return new ApiKeys([.. keys.Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))]);
    }

    /// <summary>Whether a request may be answered.</summary>
    public bool Allow(HttpRequest request)
    {
        if (_digests.Length == 0)
            return true;
        string? authorization = request.Headers.Authorization;
        string key = authorization?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true
            ? authorization[Bearer.Length..].Trim()
            : request.Headers["X-Api-Key"].ToString();
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        bool found = false;
        foreach (byte[] known in _digests)
            found |= CryptographicOperations.FixedTimeEquals(known, digest);
        return found;
    }

    private static string[] Lines(string path)
    {
        try
        {
            if (new FileInfo(path).Length > LargestFile)
                throw new DinoException($"{path}: too large for a file of keys");
            return File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"{path}: {RegularFile.CannotBeRead(failure.Message)}", failure);
        }
    }
}
