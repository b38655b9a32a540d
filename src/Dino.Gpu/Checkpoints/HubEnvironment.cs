namespace Dino.Gpu.Checkpoints;

/// <summary>The environment variables of Hugging Face's own tools.</summary>
internal static class HubEnvironment
{
    /// <summary>Set to 1 where nothing may be fetched.</summary>
    public const string OfflineVariable = "HF_HUB_OFFLINE";

    /// <summary>A token for repositories that are not public.</summary>
    public const string TokenVariable = "HF_TOKEN";

    private const int LongestToken = 4096;

    private static readonly string[] Yes = ["1", "ON", "YES", "TRUE"];

    /// <summary>Where they keep what they keep: <c>HF_HOME</c>, else a folder of the user's cache.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static string Home(Func<string, string?> variable)
    {
        if (HubCache.Expanded(variable("HF_HOME")) is { } home)
            return home;
        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Combine(HubCache.Expanded(variable("XDG_CACHE_HOME")) ?? Path.Combine(user, ".cache"), "huggingface");
    }

    /// <summary>Whether the hub must not be asked.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static bool IsOffline(Func<string, string?> variable) =>
        Array.Exists([OfflineVariable, "TRANSFORMERS_OFFLINE"], name => Yes.Contains(variable(name)?.ToUpperInvariant()));

    /// <summary>The user's token: from the environment, else from the file that <c>hf auth login</c> writes.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    public static string? Token(Func<string, string?> variable)
    {
        foreach (string name in (string[])[TokenVariable, "HUGGING_FACE_HUB_TOKEN"])
        {
            if (Clean(variable(name)) is { } token)
                return token;
        }

        string path = HubCache.Expanded(variable("HF_TOKEN_PATH")) ?? Path.Combine(Home(variable), "token");
        try
        {
            return File.Exists(path) && new FileInfo(path).Length <= LongestToken ? Clean(File.ReadAllText(path)) : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null; // without it the hub says what it needs
        }
    }

    /// <summary>A token without white space; null for one that no header can hold.</summary>
    private static string? Clean(string? text)
    {
        string token = text?.Trim() ?? "";
        return token.Length > 0 && token.All(letter => char.IsAscii(letter) && !char.IsControl(letter) && letter != ' ') ? token : null;
    }
}
